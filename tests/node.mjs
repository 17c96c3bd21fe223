// Node 20 runs what `deno transpile` wrote: the same modules, whose imports still say `.ts`, read as `.js`.
import { register } from "node:module"
const hook = `export const resolve = (specifier, context, next) =>
  next(/^(\\.{1,2}\\/|file:).*\\.ts$/.test(specifier) ? specifier.slice(0, -3) + ".js" : specifier, context)`
register("data:text/javascript," + encodeURIComponent(hook))
