// Prints `N passed, N failed[, N skipped]` from vitest's JSON report, and fails unless tests ran and all passed.
// Usage: node .ci/summary.mjs <report> <exit status of vitest>
import { readFileSync } from 'node:fs'

const [report, status] = process.argv.slice(2)

/** A file that could not be loaded has no failed test, and a run that broke off has no report: both count as one. */
function summarise(text, exitStatus) {
  const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, numTodoTests = 0, testResults = [] } = read(text)
  const broken = testResults.filter(
    file => file.status === 'failed' && !file.assertionResults.some(test => test.status === 'failed'),
  )
  const counted = numFailedTests + broken.length
  const sound = exitStatus === 0 && numPassedTests > 0
  return {
    passed: numPassedTests,
    failed: sound ? counted : Math.max(counted, 1),
    skipped: numPendingTests + numTodoTests,
  }
}

function read(text) {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}

const { passed, failed, skipped } = summarise(readFileSync(report, 'utf8'), Number(status))
if (passed === 0) process.stdout.write('No test passed: that is a failure.\n')
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`)
process.exitCode = failed === 0 ? 0 : 1
