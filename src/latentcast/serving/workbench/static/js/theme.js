// Runs before the page is drawn, so that a dark page never flashes white.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => { try { return localStorage.getItem("theme") || "auto"; } catch { return "auto"; } };
  const apply = (choice) => {
    const shade = choice === "auto" ? (dark.matches ? "dark" : "light") : choice;
    document.documentElement.dataset.shade = shade;
    document.dispatchEvent(new CustomEvent("shade"));
  };
  window.latentcastTheme = {
    choice: stored,
    choose(choice) { try { localStorage.setItem("theme", choice); } catch { /* kept for this page alone */ } apply(choice); },
  };
  dark.addEventListener("change", () => apply(stored()));
  apply(stored());
})();
