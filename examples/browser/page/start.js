// All that is JavaScript here: it starts the program, and says so where that fails.
import init from "./dashboard-page.js";

init().catch((error) => {
  const fault = document.getElementById("fault");
  fault.textContent = `The page's program did not start: ${error}`;
  fault.hidden = false;
});
