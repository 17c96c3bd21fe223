/**
 * Evaluation of models that see and show: what eyes keep of frames, whether pictures show what was asked for, questions about
 * scenes, and what choices are worth; each as a stage.
 * @module
 */
export { Ablation, ablation, ablationStage, type Difference, differenceInterval, wilson } from "./ablation.ts"
export { Answered, answersOf, type Posed, posedOf, Shown } from "./answered.ts"
export { type Asked, askedOf, Asking, scenesLike } from "./asked.ts"
export { answered, answeredStage, type Asks, Questions, type Seer } from "./asking.ts"
export { Film, framesIn, putFilm } from "./film.ts"
export { Drawn, Judged, type Made, type Part, Score } from "./judged.ts"
export { type Likeness, likening, type Usage, usageOf } from "./likeness.ts"
export {
  type Eyes,
  type FrameSet,
  type Kept,
  photographed,
  Reconstruction,
  reconstruction,
  reconstructionStage,
  scenes,
} from "./reconstruction.ts"
export { look, moves, type Says, Seen, shows } from "./seen.ts"
export { judged, judgedStage, type Opened, type Painter, Showing, type SightFault } from "./showing.ts"
export { eyesBy, eyesOf, judgeOf, painterBy, painterOf, seerBy, seerOf, textOf } from "./subjects.ts"
