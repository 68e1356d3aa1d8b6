/** How much room there is for rows, in points. */
export interface Room {
  readonly firstPage: number
  readonly otherPages: number
}

/**
 * Distributes rows over pages, none of which is broken; a row higher than a page gets one of its own.
 * @param heights of the rows, in points.
 * @returns the numbers of the rows of each page; at least one page.
 */
export function paginate(heights: readonly number[], { firstPage, otherPages }: Room): number[][] {
  const pages: number[][] = [[]]
  let left = firstPage
  for (const [row, height] of heights.entries()) {
    let page = pages.at(-1) as number[]
    if (height > left && (page.length > 0 || pages.length === 1)) {
      page = []
      pages.push(page)
      left = otherPages
    }
    page.push(row)
    left -= height
  }
  return pages
}
