// Property: a walk moves every byte of the source to its place in the sink, once, in steps that stay inside
// one fragment of each side (spec 02 §6.5).
// Method: seeded random fragment lists, moved byte by byte beside the walk; and edge cases by hand.

import Structures
import Testing

@testable import O2IBLND

struct FragmentWalkTests {
  @Test(arguments: 0..<200)
  func everyByteOnceInItsPlace(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let sources = lengths(&random)
    let sinks = lengths(&random)
    let total = min(sources.reduce(0, +), sinks.reduce(0, +))
    var expected: [(Int, Int, Int, Int)] = []
    let from = places(sources)
    let to = places(sinks)
    for index in 0..<total {
      expected.append((from[index].0, from[index].1, to[index].0, to[index].1))
    }
    var walk = FragmentWalk(total: total)
    var moved = 0
    var writes = 0
    while let write = walk.nextWrite(
      sources: { $0 < sources.count ? sources[$0] : nil },
      sinks: { $0 < sinks.count ? sinks[$0] : nil })
    {
      writes += 1
      var end: (Int, Int)?
      for step in [write.first, write.second].compactMap({ $0 }) {
        #expect(step.byteCount > 0)
        // One WRITE has one contiguous range in one sink fragment.
        if let end { #expect(end.0 == step.sink && end.1 == step.sinkOffset) }
        for offset in 0..<step.byteCount {
          let byte = expected[moved]
          #expect(byte.0 == step.source && byte.1 == step.sourceOffset + offset)
          #expect(byte.2 == step.sink && byte.3 == step.sinkOffset + offset)
          moved += 1
        }
        end = (step.sink, step.sinkOffset + step.byteCount)
      }
    }
    #expect(moved == total && walk.isDone)
    #expect(
      FragmentWalk.writeCount(
        total: total, sources: { $0 < sources.count ? sources[$0] : nil },
        sinks: { $0 < sinks.count ? sinks[$0] : nil }) == writes)
  }

  @Test func listsThatAreTooShortAreTold() {
    #expect(
      FragmentWalk.writeCount(
        total: 10, sources: { $0 == 0 ? 9 : nil }, sinks: { $0 == 0 ? 20 : nil }) == nil)
    #expect(
      FragmentWalk.writeCount(
        total: 10, sources: { $0 == 0 ? 20 : nil }, sinks: { $0 < 2 ? 4 : nil }) == nil)
    #expect(FragmentWalk.writeCount(total: 0, sources: { _ in nil }, sinks: { _ in nil }) == 0)
  }

  @Test func aWalkStoppedBetweenStepsGoesOn() {
    var walk = FragmentWalk(total: 100)
    var sinks: [Int] = []
    while !walk.isDone {
      // As the driver does it: a copy is kept while the send queue is full.
      var kept = walk
      if let step = kept.step(sourceByteCount: 100, sinkByteCount: 30) {
        sinks.append(step.byteCount)
      }
      walk = kept
    }
    #expect(sinks == [30, 30, 30, 10])
    #expect(walk.sinkIndex == 3)
  }

  private func lengths(_ random: inout SeededGenerator) -> [Int] {
    (0..<Int.random(in: 1...6, using: &random)).map { _ in
      Int.random(in: 0...40, using: &random)
    }
  }

  private func places(_ lengths: [Int]) -> [(Int, Int)] {
    lengths.enumerated().flatMap { fragment, length in (0..<length).map { (fragment, $0) } }
  }
}
