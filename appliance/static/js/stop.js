/** The end of sending before everything is there: not a failed try, but the reason why there is no other. */
export class Stop extends Error {
  /**
   * @param {"paused" | "cancelled" | "replaced" | "over" | "changed" | "failing" | "no-space" | "different-file"} kind
   * @param {{title?: string, detail?: string, hint?: string, id?: string}} problem what to tell the person
   */
  constructor(kind, problem = {}) {
    super(problem.detail ?? kind);
    this.kind = kind;
    this.problem = problem;
  }
}
