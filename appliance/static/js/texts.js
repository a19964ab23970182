/** Every text of the page, in one place. */

import { size } from "./units.js";

/** @type {Record<string, string>} */
const FOREIGN = {
  gzip: "a gzip archive", xz: "an xz archive", zstd: "a Zstandard archive", bzip2: "a bzip2 archive", zip: "a ZIP archive", "7z": "a 7-Zip archive",
  rar: "a RAR archive", lz4: "an LZ4 archive", tar: "a tar archive (an OVA, perhaps)", vmdk: "a VMware disk (VMDK)", vhdx: "a Hyper-V disk (VHDX)",
  vhd: "a Virtual PC disk (VHD)", vdi: "a VirtualBox disk (VDI)", qed: "a QED disk", parallels: "a Parallels disk",
};
/** "a, b and c" @param {string[]} words */
const listed = (words, last = "and") => [words.slice(0, -1).join(", "), words[words.length - 1]].filter(Boolean).join(` ${last} `);
const ARCHIVES = ["gzip", "xz", "zstd", "bzip2", "zip", "7z", "rar", "lz4"];

export const texts = {
  product: "Image Upload",

  role: /** @type {Record<string, string>} */ ({ admin: "Administrator", uploader: "Uploader", viewer: "Viewer" }),

  nav: { overview: "Overview", library: "Images", hosts: "Hosts", events: "Events", settings: "Settings", label: "Main" },

  phase: {
    queued: "Waiting for its turn", preparing: "Preparing", sending: "Sending", downloading: "Downloading", waiting: "Trying again", offline: "Offline", pausing: "Pausing",
    resuming: "Resuming", paused: "Paused", interrupted: "Interrupted", stopped: "Stopped", elsewhere: "In another window", checking: "Checking",
    failing: "Clearing up", removing: "Removing", done: "Done", failed: "Failed", cancelled: "Cancelled", unknown: "Unknown",
  },

  step: /** @type {Record<string, string>} */ ({
    sha256: "SHA-256", digest: "SHA-256", hash: "SHA-256", format: "format", inspect: "format", check: "structure", "qemu-img": "structure", sync: "writing to disk", complete: "writing to disk",
  }),

  waiting: {
    offline: "This computer is offline. The upload goes on by itself when the network is back.",
    unreachable: "The appliance does not answer. Trying again by itself; what has arrived is safe.",
    busy: "The appliance is busy. Going on as soon as it has room.",
    host: "The host does not take bytes at the moment. Trying again by itself.",
    session: "Asking for a new ticket.",
  },

  stop: {
    changed: (/** @type {string} */ name) => ({
      title: "The file changed while it was uploading",
      detail: `${name} was changed, moved or deleted on this computer since it was chosen, so its remaining bytes may not fit those that were sent.`,
      hint: "If the file is back as it was, press Resume and choose it again. If it really changed, cancel this upload and start a new one.",
    }),
    replaced: {
      title: "Continued in another window",
      detail: "This upload was taken over by another window or computer, and goes on there.",
      hint: "To bring it back here, pause it and resume it with the same file.",
    },
    noSpace: (/** @type {string} */ text) => ({
      title: "The storage domain is full",
      detail: text || "The host has no space left for the rest of the image.",
      hint: "Make room on the storage domain, then press Resume: only the missing part will travel.",
    }),
    tooLarge: {
      title: "A proxy refuses even small requests",
      detail: "Something between this browser and the appliance answers 413 (too large) even to chunks of 64 KiB.",
      hint: "Raise the proxy's limit for request bodies (nginx: client_max_body_size), then press Resume.",
    },
    digests: {
      title: "The bytes arrive damaged",
      detail: "The host received the same chunk several times with another checksum than was sent.",
      hint: "Something on the way changes data: a proxy, or faulty memory. Try another network or computer; what has arrived is sound.",
    },
    failing: (/** @type {string} */ text, /** @type {number} */ status) => ({
      title: "The host refused the data",
      detail: text || `It answered with status ${status}, again and again.`,
      hint: "Look at the events of the host, then press Resume: only the missing part will travel.",
    }),
  },

  problem: {
    unknown: "Something went wrong",
    unreachable: "The appliance does not answer",
    unreachableDetail: "The request got no answer: the network is down, or the appliance is restarting.",
    unreachableHint: "It is tried again by itself. If it lasts, check that the appliance runs and that this computer reaches it.",
    status: (/** @type {number} */ status) => `The server answered with status ${status}`,
    statusHint: "A proxy on the way may have given this answer. Try again; if it lasts, tell the administrator.",
    reload: "Reload the page. If it happens again, tell the administrator what you did.",
    refused: "The image did not pass the check",
    refusedHint: "Its bytes were deleted from the host. Check the file at its source, then upload it again.",
    id: "Error id",
    copy: "Copy error id",
  },

  ability: {
    slice: "File.slice (reading a part of a file)", read: "Blob.arrayBuffer (reading bytes)", worker: "Web Workers (hashing in the background)",
    wasm: "WebAssembly (hashing at full speed)", progress: "XMLHttpRequest upload progress", bigint: "64-bit integers (DataView.getBigUint64)",
    abort: "AbortSignal.throwIfAborted (stopping a request)", dialog: "the dialog element",
  },
  lacking: (/** @type {string[]} */ names) => `This browser cannot upload: it lacks ${names.join(", ")}. A current Firefox, Chrome, Edge or Safari has it. Everything else on this page works.`,

  source: {
    empty: "The file is empty: there is nothing to upload.",
    foreign: (/** @type {string} */ format) => `This is ${FOREIGN[format]}, which no host can run. ${ARCHIVES.includes(format)
      ? "Unpack it first, then upload the image inside."
      : format === "tar" ? "Unpack it first, and convert the disk inside with qemu-img." : "Convert it first: qemu-img convert -O qcow2 …"}`,
    truncated: (/** @type {string} */ format) => `The file begins like ${format} but ends within its header: it is not complete.`,
    textAsIso: "The name says ISO, but this is a text file: perhaps a download page was saved in place of the image.",
    notIso: "The name says ISO, but there is no ISO 9660 file system inside. Download it again, or rename it if it is a raw disk.",
    textAsQcow2: "The name says qcow2, but this is a text file.",
    notQcow2: "The name says qcow2, but the content is not. Rename it if it is a raw disk.",
    textAsDisk: "The file begins with plain text, which is unusual for a disk.",
    qcow2Version: (/** @type {number} */ version) => `This is qcow2 of version ${version}; only 2 and 3 are known.`,
    backingFile: "This qcow2 image needs a backing file, so it is only a part of a disk. Flatten it first: qemu-img convert -O qcow2 …",
    dataFile: "This qcow2 image keeps its data in another file. Convert it first: qemu-img convert -O qcow2 …",
    encrypted: "This qcow2 image is encrypted: the host could not check it. Decrypt it first with qemu-img convert.",
    corrupt: "This qcow2 image is marked as corrupt. Repair it first: qemu-img check -r all …",
    qcow2Features: "This qcow2 image uses features that are not known here. Convert it first: qemu-img convert -O qcow2 …",
    virtualSize: (/** @type {string} */ virtual) => `This qcow2 image claims a disk of ${virtual}, more than any host can hold.`,
    virtualEmpty: "This qcow2 image holds a disk of size 0.",
    shortIso: (/** @type {string} */ claimed, /** @type {string} */ has) => `The ISO says it is ${claimed} long, but the file has ${has}: the download may be incomplete.`,
  },

  name: /** @type {Record<string, string>} */ ({
    empty: "Give the image a name.",
    long: "Too long: 255 characters at most.",
    slash: "A name cannot contain / or \\.",
    control: "The name contains invisible control or direction characters.",
    dots: "A name needs more than dots and spaces.",
    space: "A name cannot begin or end with a space.",
  }),

  verb: {
    pause: "Pause", resume: "Resume", resumeFile: "Resume…", cancel: "Cancel", show: "Show image", dismiss: "Dismiss", close: "Close", back: "Back",
    upload: "Upload", uploadImage: "Upload image", remove: "Remove", copy: "Copy", more: "Show more", delete: "Delete…", download: "Download", reload: "Reload",
  },

  row: {
    by: (/** @type {string} */ who) => `by ${who}`,
    fromHere: "from this browser",
    started: (/** @type {string} */ when) => `started ${when}`,
    safe: (/** @type {string} */ amount, /** @type {string} */ host) => `${amount} is safe${host ? ` on ${host}` : ""}`,
    zeros: (/** @type {string} */ sent, /** @type {string} */ zeros) => `${sent} + ${zeros} zeros`,
    checking: (/** @type {string} */ step, /** @type {string} */ whole) => (step ? `${step} of ${whole}` : whole),
    progressOf: (/** @type {string} */ name) => `Progress of ${name}`,
    orphaned: "The page that was sending it was closed or reloaded.",
    resumeHere: "This page still has the file: Resume goes on at once.",
    expires: (/** @type {string} */ span) => `Kept for another ${span}.`,
    ovirt: (/** @type {string} */ direction) => `${direction} via oVirt`,
    ovirtToGo: "Its client goes on once it is resumed.",
  },

  announce: (/** @type {string} */ name, /** @type {string} */ news) => `${name}: ${news}.`,

  cancel: {
    title: (/** @type {string} */ name) => `Cancel ${name}?`,
    text: (/** @type {string} */ name, /** @type {string} */ held, /** @type {boolean} */ pausable) => `The upload of ${name} ends${held ? `, and the ${held} that arrived are deleted from the host` : ""}. This cannot be undone${pausable ? "; to interrupt it, pause it instead" : ""}.`,
    verb: "Cancel upload",
    keep: "Keep it",
    disk: (/** @type {string} */ name) => `The upload to ${name} ends, and the whole disk is deleted, as oVirt does it. This cannot be undone; to interrupt it, pause it instead.`,
    download: (/** @type {string} */ name) => `The download of ${name} ends for its client. The disk itself stays as it is.`,
    verbDownload: "Cancel download",
  },

  remove: {
    title: (/** @type {string} */ name) => `Delete ${name}?`,
    text: (/** @type {string} */ name, /** @type {string} */ bytes, /** @type {string} */ domain) => `${name} (${bytes}) is deleted from the storage domain ${domain}, and no machine can use it any more. This cannot be undone.`,
    verb: "Delete image",
    keep: "Keep it",
  },

  resume: {
    title: (/** @type {string} */ name) => `Resume ${name}`,
    what: (/** @type {string} */ name, /** @type {string} */ bytes, /** @type {string} */ file) => `The upload of ${name} (${bytes}) was begun and is not finished.${file ? ` On this computer the file was called ${file}.` : ""}`,
    drop: { title: "Drop the file here, or", button: "Choose the file…" },
    comparing: (/** @type {string} */ name) => `Comparing ${name} with what has arrived…`,
    wrong: "This is not the same file",
    wrongSize: (/** @type {string} */ name, /** @type {string} */ has, /** @type {string} */ wants) => `${name} has ${has}, but the upload was begun with ${wants}.`,
    wrongHint: "Nothing was changed. Choose the file that the upload was begun with; or cancel this upload and start a new one.",
    unreadable: "The file cannot be read",
  },

  upload: {
    title: "Upload images",
    drop: { title: "Drop images here, paste them, or", button: "Choose files…", limits: "ISO, qcow2 and raw images of any size. Nothing is sent before you press Upload." },
    another: { title: "Drop more images here, or", button: "Choose files…" },
    looking: "Looking at the file…",
    changed: (/** @type {string} */ when) => `changed ${when}`,
    name: "Name",
    domain: "Storage domain",
    domainFree: (/** @type {string} */ name, /** @type {string} */ free) => `${name} · ${free} free`,
    noDomain: "No storage domain takes this kind of image, or none is reachable. Look at Hosts.",
    sha256: "Expected SHA-256",
    sha256About: "Optional. Paste the publisher's checksum, and a file that differs is refused.",
    sha256Wrong: (/** @type {number} */ length) => `A SHA-256 has 64 hexadecimal digits; this has ${length}.`,
    sha256Letters: "A SHA-256 has only the digits 0-9 and a-f.",
    sha256Place: "64 hexadecimal digits",
    space: "Space",
    sparse: "Grow as needed",
    preallocated: "Allocate everything now",
    detected: "Detected", virtual: "Disk size", label: "Label", boots: "Boots", checked: "Checked", sound: "header is sound",
    yes: "yes", no: "no",
    twin: "The same file is already being uploaded.",
    twice: "The same file is in this list already.",
    sameName: "Another image in this list has the same name.",
    needs: (/** @type {string} */ needed, /** @type {string} */ free) => `Needs ${needed} of ${free} free`,
    several: (/** @type {number} */ number, /** @type {string} */ bytes) => `${number} images, ${bytes}`,
    go: (/** @type {number} */ number) => (number > 1 ? `Upload ${number} images` : "Upload"),
    refused: "Refused",
    correct: (/** @type {number} */ number, /** @type {number} */ all) => (all > 1 ? `${number} of ${all} images cannot be sent like this: see above.` : "It cannot be sent like this: see above."),
  },

  imports: {
    button: "Import from URL",
    tabs: "Where the image comes from", computer: "From this computer", tab: "From a URL",
    url: "URL",
    urlAbout: (/** @type {string[]} */ schemes, /** @type {string[]} */ kinds) => `The appliance fetches the image from there itself${schemes.length ? `, by ${listed(schemes, "or")}` : ""}.${kinds.length ? ` What is packed with ${listed(kinds, "or")} is unpacked.` : ""}`,
    urlPlace: "https://example.org/image.iso",
    urlMissing: "Say where the image is.",
    urlBare: "Write the whole address, with what it begins with: https://…",
    urlScheme: (/** @type {string} */ scheme, /** @type {string[]} */ schemes) => `Nothing is imported from ${scheme}: addresses here; they begin with ${listed(schemes.map((name) => `${name}:`), "or")}.`,
    query: "Query", asking: (/** @type {string} */ place) => `Asking ${place}…`, first: "Query the address first: then you see what would be imported.",
    login: "Needs a login?", user: "User", password: "Password", bearer: "Bearer token", bearerAbout: "In place of user and password.",
    loginAbout: "Kept encrypted, and never shown again.",
    both: "Give a user and a password, or a token: not both.",
    file: "File", size: "Size", packed: "Packed", detected: "Detected", resumes: "If it breaks off", untold: "not told",
    packedAs: (/** @type {string} */ kind, /** @type {string} */ unpacked) => `${kind}, ${unpacked ? `${unpacked} unpacked` : "unpacked size not told"}`,
    resumable: "it goes on", restarts: "it starts again from zero",
    find: "Verify against the checksum beside the file", findAbout: "Looks for NAME.sha256, SHA256SUMS and the like at the source.",
    sumAbout: "Optional. Of the file as it is at the source: one that differs is refused.",
    start: "Not before", startAbout: "Optional, in your own time zone.",
    startNone: "This is no time.", startPast: "This time is over. Leave it empty to start at once.", startFar: "At most a year from now.",
    go: "Import", becomes: "What becomes of it",
    needs: (/** @type {string} */ size, /** @type {string} */ free) => (size ? `Needs ${size} of ${free} free` : `${free} free; how much it needs, nobody knows yet`),
    needsBoth: (/** @type {string} */ size, /** @type {string} */ free) => `Needs ${size ? `${size} and ` : ""}room for the converted disk; ${free} free`,
    fits: (/** @type {string} */ format) => `No storage domain takes ${format}, or none is reachable. Look at Hosts.`,
    notTaken: (/** @type {string} */ format) => `This is a disk of another kind (${format}), which is not taken as it is. Convert it first: qemu-img convert -O qcow2 …`,
    correct: "It cannot be imported like this: see above.",
    importing: "Importing", scheduled: "Scheduled", waiting: "Waits for its turn", verifying: "Verifying",
    starts: (/** @type {string} */ when) => `starts ${when}`,
    soFar: (/** @type {string} */ amount) => `${amount} so far`,
    fetching: (/** @type {string} */ place) => `fetching from ${place}`,
    origin: (/** @type {string} */ place) => `import from ${place}`,
    alone: "The appliance does it alone: this page may be closed.",
    again: "Trying again by itself.",
    restarted: (/** @type {number} */ number) => `The source cannot go on where it broke off: it was read again from its beginning${number > 1 ? ` ${number} times` : ""}.`,
    goesOn: "Resume goes on where it was; no file has to be chosen.",
    waitsAgain: "Nothing has come yet: after Resume it begins when its time and its turn have come.",
    unpacksAnew: "Resume reads the packed file again from its beginning; what has arrived is not written twice.",
    beginsAnew: "The source gives no parts: Resume reads it again from its beginning.",
    cancel: (/** @type {string} */ name, /** @type {boolean} */ pausable) => `The import of ${name} ends, and what has arrived of it is deleted from the host. This cannot be undone${pausable ? "; to interrupt it, pause it instead" : ""}.`,
    cancelVerb: "Cancel import",
    failed: "The import failed", failedAt: (/** @type {string} */ step) => `The import failed at the step “${step}”`,
    failedBytes: "Its bytes were deleted from the host.", failedHint: "See to what it says, then start it again.",
    advice: /** @type {Record<string, string>} */ ({
      "wrong-checksum": "Check that the checksum is this file's; else do not use the file: it was damaged or exchanged on its way.",
      "no-space": "Make room on the storage domain or choose another one, then start it again.",
      "step-failed": "The appliance's log says more. An administrator mends the step, or leaves it out of the storage domain's list; then start it again.",
      "step-nonsense": "The step itself is faulty. An administrator mends it, or leaves it out of the storage domain's list; then start it again.",
      "step-timeout": "An administrator may give steps longer (import_step_timeout), or leave this one out of the storage domain's list; then start it again.",
      "step-missing": "An administrator installs the step again, or leaves it out of the storage domain's list; then start it again.",
    }),
    details: "Details", stepsOf: (/** @type {string} */ name) => `Steps of ${name}`, detailsOf: (/** @type {string} */ name) => `Details of the steps of ${name}`,
    title: "Import", place: "Source", sumThere: "SHA-256 there",
    step: /** @type {Record<string, string>} */ ({ inspect: "Inspect", "verify-checksum": "Verify checksum", decompress: "Decompress", validate: "Validate", convert: "Convert", register: "Register" }),
    doing: /** @type {Record<string, string>} */ ({ inspect: "Inspecting", "verify-checksum": "Verifying", decompress: "Decompressing", validate: "Validating", register: "Registering" }),
    converting: (/** @type {string} */ format) => `Converting to ${format}`,
    heard: (/** @type {string} */ what, /** @type {number} */ quarter) => (quarter ? `${what}, ${quarter} percent` : what),
    status: /** @type {Record<string, string>} */ ({ waiting: "waiting", running: "running", begun: "begun", done: "done", skipped: "not needed", failed: "failed", missed: "not done" }),
  },

  storing: {
    label: "Store as", asItIs: (/** @type {string} */ format) => `As it is (${format})`, compressed: (/** @type {string} */ format) => `${format}, compressed`,
    untouched: "Not a byte of it is changed.", plainDisk: "Unchanged, as a plain disk to boot from.",
    converted: (/** @type {string} */ format) => `It will be converted to ${format}.`,
    convertedCompressed: (/** @type {string} */ format) => `It will be converted to compressed ${format}.`,
    neverConverts: (/** @type {string} */ domain) => `The storage domain ${domain} converts nothing: its administrator left that step out. Choose another one.`,
    more: "Tags and properties", tags: "Tags", tagsAbout: "Optional, separated by commas.", tagsPlace: "debian, web servers",
    tagLong: (/** @type {string} */ tag, /** @type {number} */ most) => `The tag “${tag}” is too long: ${most} characters at most.`, tagsMany: (/** @type {number} */ most) => `At most ${most} tags are kept.`,
    properties: "Properties", propertiesAbout: "Optional. One a line, as name=value.", propertiesPlace: "os_distro=debian\nowner_team=platform",
    lineBare: (/** @type {number} */ number) => `Line ${number} has no “=”: write it as name=value.`, lineNameless: (/** @type {number} */ number) => `Line ${number} has no name before its “=”.`,
    lineTwice: (/** @type {number} */ number, /** @type {string} */ name) => `Line ${number} names “${name}” once more.`,
    lineLong: (/** @type {number} */ number, /** @type {number} */ most) => `Line ${number} is too long: a name has ${most} characters at most.`, propertiesMany: (/** @type {number} */ most) => `At most ${most} properties are kept.`,
  },

  format: /** @type {Record<string, string>} */ ({ iso: "ISO image", qcow2: "qcow2 disk", raw: "Raw disk", vmdk: "VMware disk (VMDK)", vdi: "VirtualBox disk (VDI)", vhd: "Virtual PC disk (VHD)", vhdx: "Hyper-V disk (VHDX)" }),

  tray: {
    title: (/** @type {number} */ uploads, /** @type {number} */ imports) => [uploads ? `Uploading ${uploads}` : "", imports ? `${uploads ? "importing" : "Importing"} ${imports}` : ""].filter(Boolean).join(", "),
    done: "Uploads and imports",
    fold: "Fold the list of uploads",
    unfold: "Unfold the list of uploads",
  },

  banner: {
    offline: "This computer is offline. Uploads go on by themselves when the network is back.",
    stale: "The appliance does not answer: what you see may be old. Trying again by itself.",
    login: "Your login has ended.",
    loginLink: "Log in again",
  },

  overview: {
    running: "Running",
    unfinished: "Unfinished",
    finished: "Finished here",
    nothing: "Nothing is being uploaded",
    nothingHint: "Drop an ISO or a disk image anywhere on this page, or press Upload image.",
    nothingViewer: "Your role is viewer: you can look at images and download them.",
    free: (/** @type {string} */ whole) => ` free of ${whole}`,
    active: "active",
    unreachable: "unreachable",
    disks: (/** @type {string} */ kind) => (kind === "iso" ? "ISO" : "image"),
    arriving: (/** @type {string} */ bytes) => `${bytes} reserved`,
    hosts: "Hosts",
    up: (/** @type {number} */ all) => ` up of ${all}`,
    down: (/** @type {number} */ number) => `${number} down`,
    resting: (/** @type {number} */ number) => `${number} in maintenance`,
    strange: (/** @type {number} */ number) => `${number} not enrolled`,
    maintenance: "maintenance",
    rate: (/** @type {string} */ rate) => `${rate}/s from this browser`,
    spaceOf: (/** @type {string} */ name) => `Used space of ${name}`,
    usedText: (/** @type {string} */ amount) => `${amount} used`,
    hostsText: (/** @type {number} */ up, /** @type {number} */ all) => `${up} of ${all} hosts are up`,
    noDomains: "There is no storage domain yet.",
  },

  library: {
    all: "All storage domains",
    empty: "No images yet",
    emptyHint: "Upload the first one: press Upload image, or drop a file on this page.",
    filter: "Storage domains",
    status: /** @type {Record<string, string>} */ ({ ok: "ok", locked: "arriving", used: "in use", illegal: "refused" }), bootable: "bootable",
    images: "Images",
  },

  domain: { steps: "Imports go through", path: "Path", host: "Host", free: "Free", reserved: "Reserved", capacity: "Capacity", used: "Used", crumb: "Storage domains", images: "Images" },

  arrangement: {
    change: "Change steps", title: (/** @type {string} */ name) => `Import steps of ${name}`,
    about: (/** @type {string} */ name) => `What is done with an image that is imported into ${name}, from first to last. Imports that have begun keep the steps that they began with.`,
    list: "Steps, in their order", up: "Move up", down: "Move down", moves: (/** @type {string} */ move, /** @type {string} */ step) => `${move}: ${step}`,
    moved: (/** @type {string} */ step, /** @type {number} */ place, /** @type {number} */ all) => `${step} is now step ${place} of ${all}.`,
    usual: "Use the standard steps", reset: "The standard steps, in their order. Save to use them.", save: "Save",
    saved: (/** @type {string} */ name, /** @type {string[]} */ steps) => `Imports into ${name} go through ${listed(steps)}.`,
    gone: "It is not installed any more: imports would fail at it.",
  },

  image: {
    crumb: "Images", facts: "Facts", events: "Events", format: "Format", size: "Size", virtual: "Disk size", domain: "Storage domain", owner: "Uploaded by", path: "Path on the host",
    sha256: "SHA-256", boots: "Can start a machine", label: "Label", tags: "Tags", properties: "Properties", created: "Started", completed: "Completed", type: "Content type", status: "State",
    copySha: "Copy SHA-256", copyPath: "Copy path", copied: "Copied", pending: "Not yet: it is computed when the image has arrived.", never: "None: the image was refused.", refused: "This image was refused", arriving: "This image is still arriving",
    refusedHint: "Its bytes were deleted from the host; the record stays so that you see why. Delete it, check the file at its source, and upload it again.",
    none: "No such image", gone: "This image does not exist", goneHint: "It may have been deleted. Look at the list of images.",
  },

  events: { empty: "Nothing has happened yet.", severity: /** @type {Record<string, string>} */ ({ info: "Information", warning: "Warning", error: "Error" }) },

  hosts: {
    empty: "No host is known.", domains: "Storage domains", status: /** @type {Record<string, string>} */ ({ up: "up", down: "down", maintenance: "maintenance", strange: "not enrolled" }), here: "This machine",
    transfers: (/** @type {number} */ number) => (number ? `${number} running ${number === 1 ? "transfer" : "transfers"}` : ""),
    certificate: (/** @type {string} */ until) => `Certificate until ${until}, renewed before`,
    add: "Add host", name: "Name", nameAbout: "Letters, digits, dot, dash and underscore.", address: "Address", addressAbout: "A host name or an IP address, as the appliance reaches it.",
    nameMissing: "Give the host a name.", addressMissing: "Say where the host is.", portWrong: "A port is a number from 1 to 65535.",
    imagesPort: "Port for images", controlPort: "Port for control",
    enrol: "Enrol", enrolTitle: (/** @type {string} */ name) => `Enrol ${name}`, command: "Command to run on the host", copy: "Copy command", copied: "Command copied", done: "Done",
    enrolText: "Run this command on the host. It is shown only this once, and works once, within an hour.",
    enrolAfter: "It prints how to start imaged. A moment after that, the host is shown here as up.",
    maintain: "Maintenance", maintained: (/** @type {string} */ name) => `${name} is in maintenance`, maintainTitle: (/** @type {string} */ name) => `Put ${name} into maintenance?`,
    maintainText: (/** @type {string} */ name, /** @type {number} */ running) => `${name} gets no new transfers. ${running ? `The ${running} running there go` : "Those that run there go"} on on other hosts that see the same storage, or wait until the host is active again.`,
    activate: "Activate", activated: (/** @type {string} */ name) => `${name} is active`,
    remove: "Remove", removed: (/** @type {string} */ name) => `${name} was removed`, removeTitle: (/** @type {string} */ name) => `Remove ${name}?`, keep: "Keep it",
    removeText: (/** @type {string} */ name) => `The appliance forgets ${name}. What lies on its storage stays there. To add it again it has to be enrolled again.`,
  },

  settings: {
    about: "This appliance", version: "Version", user: "Logged in as", ca: "Certificate authority", caAbout: "Install it once in your browser, and this appliance is trusted.",
    caLink: "Download ca.pem", api: "API", apiLink: "OpenAPI description", browser: "This browser", has: "available", lacks: "missing",
  },

  toGo: (/** @type {number} */ bytes) => `Choose the same file to go on; only the missing ${size(bytes)} will travel.`,
};
