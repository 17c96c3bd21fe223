/**
 * What can be wrong with pictures: typed, and a sentence that says where, what was expected, what was found and what to try.
 * @module
 */

/** Something wrong with a picture, a video, or what is made of them. */
export interface VisionFault {
  readonly _tag: "VisionFault"
  readonly reason:
    | "missing" // a file, a package or a program that is not there
    | "format" // bytes that are no picture, or a damaged one
    | "empty" // a file without bytes, a video without frames, a folder without pictures
    | "large" // more pixels or frames than are let in
    | "pair" // a caption without its file, a file without its caption
    | "codes" // ids outside of the codebook, or another number of them than frames have
    | "model" // a model that does not fit what it is asked for
    | "settings" // numbers that contradict each other
    | "write" // a file that cannot be written
  /** The file, package or setting. */
  readonly where: string
  readonly message: string
}

/** Makes a fault. */
export const visionFault = (reason: VisionFault["reason"], where: string, message: string): VisionFault => ({
  _tag: "VisionFault",
  reason,
  where,
  message,
})
