/** The webgpu device over Dawn, in Deno and in Node. */
import { suites } from "./webgpu.ts"

await suites("dawn", 12)
