/**
 * Training for users: a training as a stage, or by itself; its settings as codecs, its parameters as files.
 * @module
 */
export { type Config, parameterCount } from "../../models/llama/config.ts"
export { plain, type Plan } from "../../models/llama/plan.ts"
export { Recipe, recipeFaults } from "../../models/llama/train.ts"
export { Curve } from "./curve.ts"
export { orFirst as orFail } from "../known.ts"
export { learnedLanguage, type Model } from "./learned.ts"
export * from "./learner.ts"
export { llamaLearner } from "./llama.ts"
export { learn, train, type TrainingFault } from "./loop.ts"
export * from "./parameters.ts"
export { ConfigCodec, PlanCodec } from "./settings.ts"
export type { Fitting, Given } from "./rows.ts"
export { type Data, type LearningDeclaration, learningStage, type TrainingDeclaration, trainingStage } from "./stage.ts"
export { expectation, rateAt, stepDigest, type Stepping } from "./step.ts"
export * from "./training.ts"
export { type Diverged, isSpike, type Watch, watchOf } from "./watch.ts"
