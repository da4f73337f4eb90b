// The rows of the list, loaded a page at a time as the list is scrolled.
import { useMemo, useReducer } from "preact/hooks";
import type { Source } from "./source";
import type { Query, Row } from "./types";

const PAGE = 200;
/** Browsers cannot place more rows below each other. */
export const MOST_ROWS = 400_000;

export class RowPages {
  total: number | null = null;
  error: string | null = null;
  private readonly pages = new Map<number, Row[] | null>();

  constructor(
    private readonly source: Source,
    private readonly query: Query,
    private readonly changed: () => void,
    fixed: Row[] | null,
  ) {
    if (fixed === null) {
      void this.load(0);
      return;
    }
    this.total = fixed.length;
    for (let page = 0; page * PAGE < fixed.length; page++) this.pages.set(page, fixed.slice(page * PAGE, (page + 1) * PAGE));
  }

  get count(): number {
    return Math.min(this.total ?? 0, MOST_ROWS);
  }

  at(index: number): Row | undefined {
    return this.pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** Load the rows from one index to another, both included, that are not there yet. */
  need(first: number, last: number): void {
    for (let page = Math.floor(first / PAGE); page * PAGE <= last; page++) if (!this.pages.has(page)) void this.load(page);
  }

  async row(index: number): Promise<Row | undefined> {
    if (index < 0 || index >= this.count) return undefined;
    if (!this.at(index)) await this.load(Math.floor(index / PAGE));
    return this.at(index);
  }

  private async load(page: number): Promise<void> {
    this.pages.set(page, null);
    try {
      const { total, rows } = await this.source.matches(this.query, page * PAGE, PAGE);
      this.total = total;
      this.pages.set(page, rows);
    } catch (problem) {
      this.total ??= 0;
      this.error = (problem as Error).message;
      this.pages.delete(page);
    }
    this.changed();
  }
}

export function useRows(source: Source, query: Query, fixed: Row[] | null): RowPages {
  const [, changed] = useReducer((count: number) => count + 1, 0);
  const key = JSON.stringify(query);
  const pages = useMemo(() => new RowPages(source, query, () => changed(undefined as never), fixed), [source, key, fixed]);
  return pages;
}
