/**
 * How pictures lie on a page: pixels stay pixels, clips go round by themselves, and stand still where it is wished.
 * @module
 */

/** What a page with pictures adds to the style sheet. */
export const visionStyle: string = `
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(5rem, 1fr)); gap: .9rem .7rem; margin: .8rem 0; padding: 0; list-style: none }
.sheet.tight { grid-template-columns: repeat(auto-fill, minmax(3.3rem, 1fr)); gap: .6rem .5rem }
.sheet.wider { grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)) }
.sheet li { min-width: 0; font-size: .82rem; line-height: 1.3 }
.sheet li span { display: block } .sheet .asked { margin-top: .3rem } .sheet .seen { color: var(--soft) }
.verdict { font-weight: 600 } .verdict.yes { color: var(--green) } .verdict.no { color: var(--red) }
.still img { display: block; width: 100%; height: auto; image-rendering: pixelated; background: #000 }
.still + .still { margin-top: 2px } li.no .still, li.no .clip { outline: 2px dashed var(--red); outline-offset: -1px }
.clip { display: block; overflow: hidden; aspect-ratio: var(--w) / var(--h); background: #000 }
.clip img { display: block; width: calc(100% * var(--n)); max-width: none; height: auto; image-rendering: pixelated;
  animation: clip var(--t) steps(var(--n)) infinite }
@keyframes clip { to { transform: translateX(-100%) } }
.halt { display: inline-block; font-size: .88rem; color: var(--soft); cursor: pointer }
section:has(.halt input:checked) .sheet.wider { grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr)) }
section:has(.halt input:checked) .clip { aspect-ratio: calc(var(--w) * var(--n)) / var(--h) }
section:has(.halt input:checked) .clip img { animation: none; width: 100% }
@media (prefers-reduced-motion: reduce) { .sheet.wider { grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr)) }
  .clip { aspect-ratio: calc(var(--w) * var(--n)) / var(--h) }
  .clip img { animation: none; width: 100% } .halt { display: none } }
@media print { .sheet.wider { grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr)) }
  .clip { aspect-ratio: calc(var(--w) * var(--n)) / var(--h) } .clip img { animation: none; width: 100% } .halt { display: none } }
`
