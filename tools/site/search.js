// What the search is given: the words of a question or of a message that say something.
//
// A reader pastes a whole message. The names of files and values in it are on no page, a word that begins with a hyphen
// (--set) would exclude pages, and each short word stands for all words that begin with it.

const EMPTY = new Set(
  ("a about an and are as at be by can did do does for from get give got has have how i if in into is it its me mean my " +
    "of on one or other out so that the their there they this to use was we what when where why will with you your"
  ).split(" "),
);

/** A query without the place of a message, names, quoted values, signs and words that say nothing; itself if nothing is left. */
function cleaned(query) {
  const text = query
    .replace(/^(\S+: +)+(?=(\S+ +){2})/, "") // FILE:LINE:
    .replace(/\b(did you mean|known:).*/, "") // names that exist
    .replace(/(?<![\p{L}\p{N}])'[^']*'(?![\p{L}\p{N}])|"[^"]*"/gu, " "); // 'value'
  const words = text.split(/[^\p{L}\p{N}@:._/]+/u).filter((word) => word.length > 1 && !EMPTY.has(word.toLowerCase()));
  return words.join(" ") || query;
}

if (typeof Worker !== "undefined") {
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message, ...rest) {
    const asked = message && message.type === 2 && typeof message.data === "string";
    return post.call(this, asked ? { ...message, data: cleaned(message.data) } : message, ...rest);
  };
}
