import { oracle } from "../../../core/device/oracle.ts"
import { conforms } from "../kernel/conformance.ts"

conforms("oracle", oracle, { overflows: false, searches: { runs: 15, most: 20, work: 2e5 } })
