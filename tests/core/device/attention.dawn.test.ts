/** Attention over Dawn, in Deno and in Node. */
import { attentionSuites } from "./attention.ts"

await attentionSuites("dawn", 8, 1)
