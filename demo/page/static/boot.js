// Loads the program. Whatever goes wrong before or beneath it is shown, and told to the check.
function fail(error) {
  const text = `The page failed: ${error?.message ?? error}`;
  document.getElementById("banner").dataset.state = "lost";
  document.getElementById("banner-text").textContent = text;
  if (new URLSearchParams(location.search).has("check")) {
    fetch("/demo/report", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ steps: [], failure: text }),
    });
  }
}

addEventListener("error", (event) => fail(event.error ?? event.message));
addEventListener("unhandledrejection", (event) => fail(event.reason));
import("./wsio_demo_page.js").then((program) => program.default()).catch(fail);
