// Starts Swagger UI without any inline script. A token that is typed in lives as long as the page.
document.addEventListener("DOMContentLoaded", () => {
  const root = document.documentElement;
  root.classList.toggle("dark-mode", root.dataset.bsTheme === "dark"); // Swagger UI's own name for it
  const place = document.getElementById("swagger-ui");
  window.SwaggerUIBundle({
    url: place.dataset.document,
    domNode: place,
    deepLinking: true,
    validatorUrl: null,
    persistAuthorization: false,
  });
});
