// Does the tasks that the benchmark hands out, one after the other.
import * as javascript from "./javascript.js";

/** Tells the benchmark how the last task ended, and waits for the next one. */
async function next(report) {
  const response = await fetch("/task", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(report),
  });
  return response.json();
}

async function perform(program, { language, contender, task, url, size, count }) {
  const { run } = language === "rust" ? program : javascript;
  try {
    return { seconds: await run(contender, task, url, size, count) };
  } catch (error) {
    return { failure: String(error) };
  }
}

try {
  const program = await import("./program.js");
  await program.default();
  let report = null;
  for (;;) {
    const task = await next(report);
    if (task === null) {
      break;
    }
    report = await perform(program, task);
  }
  document.title = "The benchmark is over";
} catch (error) {
  await next({ failure: `the page failed: ${error}` });
}
