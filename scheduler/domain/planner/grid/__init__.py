"""Time on the clinic's grid: free cells of resources, start sets of visits, gaps. Knows nothing of a course."""
