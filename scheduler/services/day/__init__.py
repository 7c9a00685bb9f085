"""A day or a week at the clinic as the desk sees it, and what to do when it runs late."""
