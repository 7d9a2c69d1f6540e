internal import FuzzSupport

// SAFETY: libFuzzer lends each input for the duration of the call; the callback copies it first.
unsafe runFuzzer(fuzzOneInput)
