// Another process of a workspace: asks the gate again and again, and says when the answer becomes a denial.
import { setTimeout as pause } from 'node:timers/promises'
import { open } from 'cloned'

const [root = '', tool = ''] = process.argv.slice(2)
const kernel = await open({ root })
const verdict = async () => {
  const answer = await kernel.explain({ tool, input: { path: 'x' } })
  return answer.status === 'dry-run' ? answer.verdict : answer.status
}
let over = false
process.stdin.resume().once('end', () => {
  over = true
})
let last = await verdict()
console.log(last)
for (;;) {
  const now = await verdict()
  if (now !== last) console.log(`${now} ${Date.now()}`)
  last = now
  if (over) break
  await pause(1)
}
await kernel.stop()
