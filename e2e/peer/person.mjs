// What our client programs share: the configuration from the command line, the
// person at the browser, who is asked over standard output and answers over
// standard input, and the record of what was done.
import { createInterface } from 'node:readline'

export const config = JSON.parse(process.argv[2])

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n')

/** Has the person go through the pages at url; returns where they end. */
export async function visit(url) {
  say({ visit: String(url) })
  const { value, done } = await answers.next()
  if (done) throw new Error('the person is gone')
  return new URL(value)
}

/** Ends the program unless holds. */
export function check(holds, what) {
  if (!holds) throw new Error('not so: ' + what)
}

/** Ends the program unless the promise fails with one of the codes. */
export async function refused(promise, code, status) {
  try {
    await promise
  } catch (e) {
    // The libraries read a challenge before a body; one for Basic has no code.
    const challenge = e.cause?.[0]
    const got = e.error ?? challenge?.parameters?.error ?? (challenge?.scheme === 'basic' ? 'invalid_client' : undefined)
    const answered = e.status ?? e.response?.status ?? e.cause?.status
    if (got === code && answered === status) return
    throw e
  }
  throw new Error('not refused with ' + code)
}

/** Says that a step is done. */
export const step = (name) => say({ step: name })

/** Runs the program and ends it. */
export function run(main) {
  main().then(
    () => process.exit(0),
    (e) => {
      console.error(e)
      process.exit(1)
    },
  )
}
