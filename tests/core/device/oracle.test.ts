import { oracle } from "../../../core/device/oracle.ts"
import { conforms } from "../kernel/conformance.ts"

conforms("oracle", oracle, { overflows: false })
