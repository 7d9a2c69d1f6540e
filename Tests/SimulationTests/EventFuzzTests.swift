// A hostile peer that speaks frames of its own making cannot trap, hang or fill a node, or hurt its other peer.
// Method: random programs of deeds and frames from seeds; what once failed is kept as bytes.
import Simulation
import Structures
import Testing

@Suite struct EventFuzzTests {
  /// Bytes that print as one line.
  struct Program: CustomStringConvertible {
    var bytes: [UInt8]

    var description: String { bytes.map { String($0) }.joined(separator: ",") }

    static func random(seed: UInt64) -> Program {
      var random = SeededGenerator(seed: seed)
      let count = Int.random(in: 10...1500, using: &random)
      return Program(bytes: (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
    }

    var smaller: [Program] {
      var result: [Program] = []
      var size = bytes.count / 2
      while size >= 1 {
        for start in stride(from: 0, to: bytes.count, by: size) {
          var shorter = bytes
          shorter.removeSubrange(start..<min(start + size, bytes.count))
          result.append(Program(bytes: shorter))
        }
        size /= 2
      }
      return result
    }
  }

  @Test func randomProgramsHurtNobody() {
    let runner = PropertyRunner<Program>(
      draw: { Program.random(seed: $0) }, shrink: { $0.smaller },
      problem: { program in
        let violations = EventFuzz.run(program.bytes).violations
        return violations.isEmpty ? nil : violations.joined(separator: "\n")
      }, announce: Seeds.announce("hostile peer"))
    let failure = runner.run(seeds: Seeds.range(default: 15))
    #expect(failure == nil, "\(failure.map { "\($0)" } ?? "")")
  }

  @Test func theSameProgramIsTheSameRun() {
    let program = Program.random(seed: 5)
    #expect(EventFuzz.run(program.bytes) == EventFuzz.run(program.bytes))
  }
}
