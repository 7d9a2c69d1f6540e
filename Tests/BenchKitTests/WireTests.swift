// Property: a checksum finds every changed byte and every changed length; a pattern is a prefix of any longer one; what
// crosses a control socket comes out as it went in.
// Method: every byte of buffers of all small lengths changed in turn; texts back and forth.
import BenchKit
import LustreWire
import Testing

@Suite struct WireTests {
  private static func pattern(_ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var span = bytes.mutableSpan
    var raw = span.mutableBytes
    TransferPattern.fill(&raw)
    return bytes
  }

  private static func checksum(_ bytes: [UInt8]) -> UInt64 { TransferChecksum.of(bytes.span.bytes) }

  @Test func everyChangedByteIsFound() {
    for count in 1...80 {
      let bytes = Self.pattern(count)
      let right = Self.checksum(bytes)
      for index in 0..<count {
        for bit in 0..<8 {
          var wrong = bytes
          wrong[index] ^= 1 << bit
          #expect(Self.checksum(wrong) != right, "byte \(index) of \(count), bit \(bit)")
        }
      }
    }
  }

  @Test func lengthsDiffer() {
    let zeros = Set((0...300).map { Self.checksum([UInt8](repeating: 0, count: $0)) })
    #expect(zeros.count == 301)
    #expect(!zeros.contains(0))
  }

  @Test func aPatternIsAPrefixOfALongerOne() {
    let long = Self.pattern(4096)
    for count in [0, 1, 7, 8, 9, 63, 1000] {
      #expect(Self.pattern(count) == Array(long.prefix(count)))
    }
  }

  @Test func aPhaseComesOutAsItWentIn() throws {
    let target = try #require(NID("10.0.0.1@o2ib"))
    let phase = BenchPhase(
      .put, target: target, byteCount: 4096, count: 100, warmupCount: 5, inFlight: 8,
      isChecked: true, durationNanoseconds: 7, ratePerSecond: 9)
    let again = try #require(BenchPhase(words: phase.words))
    #expect(again.words == phase.words)
    for index in phase.words.indices {
      var words = phase.words
      words[index] = "-1"
      if index == 6 { continue }
      #expect(BenchPhase(words: words) == nil, "word \(index)")
    }
    #expect(BenchPhase(words: phase.words.dropLast()) == nil)
  }

  @Test func anOutcomeComesOutAsItWentIn() throws {
    var outcome = BenchOutcome()
    outcome.count = 3
    outcome.elapsedNanoseconds = 12345
    outcome.mismatchCount = 2
    outcome.status = -110
    for value in [5, 5, 70_000, 1_234_567_890] as [UInt64] { outcome.latency.record(value) }
    outcome.correctedLatency.record(9)
    let again = try #require(BenchOutcome(text: outcome.text))
    #expect(again.text == outcome.text)
    #expect(again.latency.count == 4 && again.correctedLatency.count == 1)
    #expect(BenchOutcome(text: "count x") == nil)
    #expect(BenchOutcome(text: "latency 1-2") == nil)
    #expect(BenchOutcome(text: "corrected 1-2") == nil)
  }

  @Test func matchBitsHoldAllParts() {
    let bits = BenchWire.matchBits(.echo, session: 0xDEAD_BEEF, phase: 0x1AB, slot: 4095)
    #expect(BenchWire.kind(bits) == .echo)
    #expect(BenchWire.phase(bits) == 0xAB)
    #expect(BenchWire.slot(bits) == 4095)
    #expect(bits & BenchWire.sessionMask == 0xDEAD_BEEF)
    #expect(BenchWire.kind(bits & BenchWire.answerMask) == nil)
    #expect(BenchWire.slot(bits & BenchWire.answerMask) == 4095)
  }
}
