/** The width of a text in points. */
export type Measure = (text: string) => number

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' })

/**
 * Breaks a line of text into lines no wider than `width`: between words, and within a word that is wider than a line.
 * What does not fit into `limit` lines is left out; the last line then ends with …
 */
export function wrap(text: string, width: number, limit: number, measure: Measure): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ').flatMap(word => pieces(word, width, measure))) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line === '' || measure(longer) <= width) line = longer
    else {
      lines.push(line)
      line = word
    }
  }
  lines.push(line)
  return lines.length <= limit
    ? lines
    : [...lines.slice(0, limit - 1), ellipsis(lines[limit - 1] ?? '', width, measure)]
}

// The sum of its characters' widths is not quite the width of a word, but it is found in one pass over any word.
function pieces(word: string, width: number, measure: Measure): string[] {
  if (measure(word) <= width) return [word]
  const found: string[] = []
  let piece = ''
  let used = 0
  for (const { segment } of graphemes.segment(word)) {
    const more = measure(segment)
    if (piece !== '' && used + more > width) {
      found.push(piece)
      piece = ''
      used = 0
    }
    piece += segment
    used += more
  }
  return [...found, piece]
}

function ellipsis(line: string, width: number, measure: Measure): string {
  let characters = Array.from(line)
  while (characters.length > 0 && measure(`${characters.join('')}…`) > width) characters = characters.slice(0, -1)
  return `${characters.join('').trimEnd()}…`
}
