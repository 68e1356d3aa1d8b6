import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { describeJsonFault } from './json-fault.ts'

describe('describeJsonFault', () => {
  it.each([
    ['{"a":1,\n "b": x}', 'unexpected "x" at line 2, column 7'],
    ['{"a":1,}', 'unexpected "}" at line 1, column 8'],
    ['[1 2]', 'unexpected "2" at line 1, column 4'],
    ['[1,]', 'unexpected "]" at line 1, column 4'],
    ['{a:1}', 'unexpected "a" at line 1, column 2'],
    ["{'a':1}", 'unexpected "\'" at line 1, column 2'],
    ['{"a" 1}', 'unexpected "1" at line 1, column 6'],
    ['{"a":1}}', 'unexpected "}" at line 1, column 8'],
    ['[1}', 'unexpected "}" at line 1, column 3'],
    ['{"a":01}', 'unexpected "0" at line 1, column 6'],
    ['{"a":tru}', 'unexpected "t" at line 1, column 6'],
    ['{"a":"x\ny"}', 'unexpected "\\"" at line 1, column 6'],
    ['{"a":"\\x"}', 'unexpected "\\"" at line 1, column 6'],
    ['\u00a0{}', 'unexpected "\u00a0" at line 1, column 1'],
    ['{"a":1', 'it ends too early at line 1, column 7'],
    ['[', 'it ends too early at line 1, column 2'],
    [' \n ', 'it ends too early at line 2, column 2'],
  ])('finds the fault in %j', (text, description) => {
    expect(() => JSON.parse(text)).toThrow('JSON')
    expect(describeJsonFault(text)).toBe(description)
  })

  it('accepts as much as JSON.parse: only text that it refuses is faulty before its end', () => {
    fc.assert(
      fc.property(fc.json(), json => {
        expect(describeJsonFault(json)).toContain('it ends too early')
      }),
    )
  })

  it('points where JSON.parse points, for the faults whose position it tells', () => {
    const fragments = fc.constantFrom('{', '}', '[', ']', ',', ':', '"a"', '1', 'true', ' ', '\n')
    fc.assert(
      fc.property(fc.array(fragments, { maxLength: 12 }), parts => {
        const text = parts.join('')
        const position = positionByEngine(text)
        fc.pre(position !== undefined && position < text.length)
        const line = text.slice(0, position).split('\n').length
        expect(describeJsonFault(text)).toMatch(new RegExp(`at line ${line}, column \\d+$`))
      }),
    )
  })

  it('survives nesting that would exhaust the stack', () => {
    expect(describeJsonFault('['.repeat(500_000))).toBe('it ends too early at line 1, column 500001')
  })
})

function positionByEngine(text: string): number | undefined {
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    const position = /at position (\d+)/.exec((error as Error).message)?.[1]
    return position === undefined ? undefined : Number(position)
  }
}
