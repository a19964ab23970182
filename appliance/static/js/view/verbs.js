/** What the buttons of a row do. */

import * as api from "../api.js";
import { begun } from "../begun.js";
import { poke } from "../poll.js";
import { queue } from "../queue.js";
import { texts } from "../texts.js";
import { size } from "../units.js";
import { confirm } from "./confirm.js";

/** @typedef {import("./row.js").Story} Story */

/** @param {Story} story */
export async function pause({ transfer, upload }) {
  if (upload && upload.stage !== "ended") await upload.pause();
  else if (transfer) await api.post(`/transfers/${transfer.id}/pause`);
  poke();
}

/**
 * Somebody else has the bytes: the appliance fetches them, or oVirt's client sends them.
 * @param {import("../types").Transfer | null} transfer
 */
export function needsNoFile(transfer) {
  return transfer?.client === "ovirt" || Boolean(transfer?.import);
}

/** Without asking where this page still has the file, otherwise by choosing it. @param {Story} story */
export async function resume({ transfer, upload }) {
  if (!transfer) return;
  if (upload) {
    await queue.resume(transfer, upload.file);
  } else if (needsNoFile(transfer)) {
    await api.post(`/transfers/${transfer.id}/resume`);
  } else {
    const dialog = await import("./resume-dialog.js");
    await dialog.open(transfer);
  }
  poke();
}

/** @param {Story} story */
export async function cancel({ key, transfer, upload }) {
  const name = transfer?.name ?? upload?.name ?? "";
  const held = transfer?.durable_bytes ?? 0;
  const download = transfer?.direction === "download";
  const pausable = transfer?.actions.includes("pause") ?? false;
  const { text, verb } = transfer?.import ? { text: texts.imports.cancel(name, pausable), verb: texts.imports.cancelVerb }
    : download ? { text: texts.cancel.download(name), verb: texts.cancel.verbDownload }
      : { text: transfer?.client === "ovirt" ? texts.cancel.disk(name) : texts.cancel.text(name, held ? size(held) : "", pausable), verb: texts.cancel.verb };
  const sure = await confirm({ title: texts.cancel.title(name), text, verb, keep: texts.cancel.keep });
  if (!sure) return;
  await queue.cancel(upload?.key ?? transfer?.id ?? key);
  poke();
}

/** @param {Story} story */
export async function dismiss({ transfer, upload }) {
  if (upload) queue.forget(upload);
  else if (transfer) begun.forget(transfer.id);
}
