/** Everything that happened. */

import { texts } from "../texts.js";
import { eventsList } from "./events-list.js";
import { head, staleBanner } from "./head.js";

/** @param {import("./frame.js").Place} place */
export function show({ main }) {
  const stale = staleBanner();
  const events = eventsList("", stale.show);
  main.append(head(texts.nav.events), stale.el, events.el);
  return events.stop;
}
