/** The page begins here. */

import { start } from "./view/frame.js";

const user = document.querySelector('meta[name="user"]');
start({
  name: user?.getAttribute("content") ?? "",
  role: /** @type {import("./types").Me["role"]} */ (user?.getAttribute("data-role") ?? "viewer"),
});
