/** The frames of one picture: what it is after each step, and what it was taken for there. */
export class Track {
  /** @param first the noise that it comes out of; @param steps until it is finished */
  constructor(first, steps) {
    this.xs = [first];
    this.guesses = [];
    this.steps = steps;
  }

  /** The picture after so many steps, and the guess by which the last of them was made. */
  add(steps, x, guess) {
    this.xs[steps] = x;
    this.guesses[steps - 1] = guess;
  }

  get last() {
    return this.xs.length - 1;
  }

  /** Whether the guess at a frame has come. */
  knows(frame) {
    return frame === this.steps ? this.last === frame : frame in this.guesses;
  }

  /** The guess at a frame, or the last before it; the finished picture is its own. */
  guess(frame) {
    if (frame === this.steps && this.last === frame) return this.xs[frame];
    return this.guesses[frame] ?? this.guesses.at(-1) ?? this.xs[0];
  }
}
