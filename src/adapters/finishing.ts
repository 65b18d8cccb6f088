/**
 * For writes to other systems, which may be undone right after they were aborted.
 *
 * Guarantees: a write that is on the wire when its signal is aborted is waited for, 2 s at most, so that the
 * caller's next call comes after it. Not guaranteed beyond these 2 s: the other side may then still execute it at any time.
 */
const patienceMs = 2_000;

/** Runs `work` with a signal that follows `signal` after a delay. Rejects with the signal's reason when that is aborted. */
export async function finishing<T>(signal: AbortSignal, work: (patient: AbortSignal) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const patient = new AbortController();
  const onAbort = () => {
    AbortSignal.timeout(patienceMs).addEventListener("abort", () => patient.abort(signal.reason), { once: true });
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const result = await work(patient.signal);
    signal.throwIfAborted();
    return result;
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
