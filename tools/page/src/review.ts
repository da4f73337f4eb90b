// The state of a review: which rows are listed, which one is shown, and what was decided.
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type RowPages, useRows } from "./rows";
import { useSettled } from "./settled";
import type { Source } from "./source";
import { ANY, type Decision, type Detail, idOf, type Query, type Row, type Summary, type Verdict } from "./types";
import { nameOf, sentence, VERDICTS } from "./words";

export type Tab = "check" | "sure" | "all" | "left" | "right";

/** Rows that were chosen elsewhere: by the lasso of the map, or as the most useful ones. */
export interface Chosen {
  title: string;
  rows: Row[];
}

export interface Toast {
  text: string;
  undo: boolean;
  bad: boolean;
}

export interface Review {
  source: Source;
  summary: Summary;
  threshold: number | null;
  setThreshold(value: number): void;
  tab: Tab;
  setTab(tab: Tab): void;
  filters: Query;
  setFilters(change: Partial<Query>): void;
  chosen: Chosen | null;
  choose(chosen: Chosen | null): void;
  rows: RowPages;
  index: number;
  select(index: number): void;
  show(row: Row): void;
  row: Row | null;
  detail: Detail | null | undefined;
  decision: Decision | null;
  verdictOf(row: Row): { verdict: Verdict | null; right: string | null };
  decide(verdict: Verdict, right?: string | null): void;
  undo(): void;
  author: string;
  setAuthor(name: string): void;
  comment: string;
  setComment(text: string): void;
  toast: Toast | null;
  say(toast: Toast | null): void;
}

export function useReview(source: Source, summary: Summary): Review {
  const start = useMemo(fromAddress, []);
  const [threshold, setThreshold] = useState(summary.threshold);
  const [tab, setTabOnly] = useState<Tab>(start.tab ?? (summary.counts.to_check > 0 ? "check" : "all"));
  const [filters, setAllFilters] = useState<Query>(ANY);
  const [chosen, setChosen] = useState<Chosen | null>(null);
  const [index, setIndex] = useState(0);
  const [other, setOther] = useState<Row | null>(null);
  // Until the match that the address names is here, no other one is shown, decided or written to the address.
  const [restoring, setRestoring] = useState(start.key !== null);
  const [detail, setDetail] = useState<Detail | null | undefined>(undefined);
  const [decided, setDecided] = useState(new Map<string, Decision | null>());
  const [author, setAuthorOnly] = useState(() => remembered("mmkg author"));
  const [comment, setComment] = useState("");
  const [toast, say] = useState<Toast | null>(null);
  const made = useRef<{ id: Decision["id"]; row: Row }[]>([]);
  // From a decision until the next row is on the screen, no other one is taken: keys would decide an unseen row.
  const waiting = useRef(false);
  const [finished, setFinished] = useState(0);
  useEffect(() => {
    waiting.current = false;
  }, [finished]);

  const settled = useSettled(threshold);
  const query = useMemo(() => queryOf(tab, settled, filters), [tab, settled, filters]);
  const rows = useRows(source, query, chosen?.rows ?? null);
  const row = restoring ? null : (other ?? rows.at(index) ?? null);
  const id = row && idOf(row);
  const decision = (id === null ? undefined : decided.get(id)) ?? (id !== null && decided.has(id) ? null : (detail?.decision ?? null));

  useEffect(() => {
    if (start.key === null) return;
    const restored = (found?: Row | null) => {
      if (found) setOther(found);
      setRestoring(false);
    };
    source.rowsOf([start.key]).then(([found]) => restored(found), () => restored());
  }, []);

  useEffect(() => {
    if (other === null && rows.total !== null) setIndex((now) => Math.max(0, Math.min(now, rows.count - 1)));
  }, [rows, rows.total]);

  useEffect(() => {
    if (restoring) return;
    toAddress(tab, row?.left ?? null);
    setComment("");
    setDetail(undefined);
    if (row === null) return;
    let current = true;
    source.match(row).then(
      (found) => current && setDetail(found),
      (problem: Error) => {
        if (!current) return;
        setDetail(null);
        say({ text: problem.message, undo: false, bad: true });
      },
    );
    return () => {
      current = false;
    };
  }, [id, row?.right, restoring]);

  const verdictOf = useCallback(
    (each: Row) => {
      const decision = decided.get(idOf(each));
      if (decision === undefined) return { verdict: each.verdict, right: each.decided_right ?? null };
      return { verdict: decision?.verdict ?? null, right: decision?.right ?? null };
    },
    [decided],
  );

  const restart = () => {
    setIndex(0);
    setOther(null);
  };

  /** After a decision, the next row that is still open. */
  const advance = async () => {
    setOther(null);
    if (other !== null) return;
    for (let next = index + 1; next < Math.min(rows.count, index + 1000); next++) {
      const candidate = await rows.row(next);
      if (!candidate) return;
      if (verdictOf(candidate).verdict === null) return setIndex(next);
    }
  };

  const settle = (each: Row, last: Decision | null) => setDecided((before) => new Map(before).set(idOf(each), last));

  const decide = async (verdict: Verdict, right?: string | null) => {
    if (row === null || summary.read_only || waiting.current) return;
    const chosenRight = right === undefined ? row.right : right;
    if (verdict !== "no_counterpart" && (row.left === null ? right === undefined : chosenRight === null)) {
      return say({ text: "There is no match to decide here. Choose a candidate with 1 to 5.", undo: false, bad: true });
    }
    waiting.current = true;
    try {
      // of an entity of the right graph without a match, the chosen candidate is on the left
      const ends =
        row.left === null
          ? { left: verdict === "no_counterpart" ? null : chosenRight, right: row.right }
          : { left: row.left, right: verdict === "no_counterpart" ? null : chosenRight };
      const last = await source.decide({ ...ends, verdict, comment: comment.trim(), author: author.trim() });
      made.current.push({ id: last.id, row });
      settle(row, last);
      say({ text: sentence(`${VERDICTS[verdict]}: ${nameOf(row)}`), undo: true, bad: false });
      await advance();
    } catch (problem) {
      say({ text: (problem as Error).message, undo: false, bad: true });
    } finally {
      setFinished((times) => times + 1);
    }
  };

  const undo = async () => {
    if (summary.read_only || waiting.current) return;
    const shown = decision && row ? { id: decision.id, row } : null;
    const last = made.current.at(-1) ?? shown;
    if (last === null) return say({ text: "Nothing was decided here that could be undone.", undo: false, bad: false });
    waiting.current = true;
    try {
      await source.undo(last.id);
      made.current.pop();
      settle(last.row, null);
      const place = findIndex(rows, last.row, index);
      if (place === null) setOther(last.row);
      else select(place);
      say({ text: `Undone: ${nameOf(last.row)} is open again.`, undo: false, bad: false });
    } catch (problem) {
      say({ text: (problem as Error).message, undo: false, bad: true });
    } finally {
      setFinished((times) => times + 1);
    }
  };

  const select = (place: number) => {
    setOther(null);
    setIndex(place);
  };

  return {
    source,
    summary,
    threshold,
    setThreshold,
    tab,
    setTab: (next) => {
      setTabOnly(next);
      setChosen(null);
      restart();
    },
    filters,
    setFilters: (change) => {
      setAllFilters((before) => ({ ...before, ...change }));
      restart();
    },
    chosen,
    choose: (next) => {
      setChosen(next);
      restart();
    },
    rows,
    index: other === null ? index : -1,
    select,
    show: setOther,
    row,
    detail,
    decision,
    verdictOf,
    decide: (verdict, right) => void decide(verdict, right),
    undo: () => void undo(),
    author,
    setAuthor: (name) => {
      setAuthorOnly(name);
      remember("mmkg author", name);
    },
    comment,
    setComment,
    toast,
    say,
  };
}

function queryOf(tab: Tab, threshold: number | null, filters: Query): Query {
  if (tab === "left" || tab === "right") return { ...filters, show: tab, threshold };
  // known links were decided before the run: they are listed where every state is
  if (tab === "all") return { ...filters, show: "matched", known: filters.state === "" };
  return { ...filters, show: "matched", group: tab === "sure" ? "sure" : "to_check", threshold };
}

function findIndex(rows: RowPages, wanted: Row, near: number): number | null {
  for (let place = Math.max(0, near - 400); place < Math.min(rows.count, near + 400); place++) {
    const row = rows.at(place);
    if (row && idOf(row) === idOf(wanted)) return place;
  }
  return null;
}

function fromAddress(): { tab: Tab | null; key: string | null } {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const tab = parameters.get("show");
  const tabs: Tab[] = ["check", "sure", "all", "left", "right"];
  return { tab: tabs.find((each) => each === tab) ?? null, key: parameters.get("left") };
}

function toAddress(tab: Tab, key: string | null): void {
  const parameters = new URLSearchParams({ show: tab, ...(key === null ? {} : { left: key }) });
  try {
    history.replaceState(null, "", `#${parameters}`);
  } catch {
    // a page inside a frame may not change its address
  }
}

function remembered(name: string): string {
  try {
    return localStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

function remember(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // a page without storage asks for the name again
  }
}
