internal import BenchKit
internal import LustreWire
internal import Verbena

/// Pings nodes, one after the other, and says what each answered.
struct PingRun {
  static let schema = "verbena.ping/1"

  struct Answer {
    var nid: NID
    var sequence: Int
    var result: Result<PingReply, NodeError>
  }

  let session: PeerSession
  let timeout: Duration
  private(set) var answers: [Answer] = []

  init(session: PeerSession, timeoutNanoseconds: UInt64) {
    self.session = session
    timeout = .nanoseconds(Int64(timeoutNanoseconds))
  }

  /// Each NID `count` times; ends early when asked to.
  mutating func run(
    _ nids: [NID], count: Int, interruption: Interruption, show: (String) -> Void
  ) async {
    for nid in nids {
      for sequence in 1...count where !interruption.isRequested {
        let result: Result<PingReply, NodeError>
        do throws(NodeError) {
          result = .success(try await session.ping(nid, timeout: timeout))
        } catch { result = .failure(error) }
        let answer = Answer(nid: nid, sequence: sequence, result: result)
        answers.append(answer)
        show(Self.line(answer))
      }
    }
  }

  static func line(_ answer: Answer) -> String {
    switch answer.result {
    case .success(let reply):
      let time = reply.roundTrip.wholeNanoseconds
      let nids = reply.nids.map(\.description).joined(separator: " ")
      // Within one turn of the loop no time goes by.
      let how = time == 0 ? "answered by itself" : "answered in \(Fixed.microseconds(time)) us"
      return "\(answer.nid): \(how): \(nids)\n"
    case .failure(let error):
      // A limit of this node says nothing of the other one.
      let what = error.code == .limit ? "not asked" : "no answer"
      return "\(answer.nid): \(what): \(error.explanation)\n"
    }
  }

  var failures: [NodeError] {
    answers.compactMap { if case .failure(let error) = $0.result { error } else { nil } }
  }

  /// What the command ends with: the failure when all failed for it, partial when some did.
  var failure: CommandFailure? {
    let failures = failures
    guard let first = failures.first else { return nil }
    if failures.count < answers.count {
      return CommandFailure(
        .partial, "\(failures.count) of \(answers.count) pings were not answered")
    }
    return CommandFailure(CommandFailure(first).status, "no ping was answered")
  }

  /// Of several pings, how long they took.
  var summary: String? {
    var recorder = LatencyRecorder()
    for case .success(let reply) in answers.map(\.result) {
      recorder.record(reply.roundTrip.wholeNanoseconds)
    }
    guard answers.count > 1, recorder.count > 0 else { return nil }
    let summary = recorder.summary
    return "\(recorder.count) of \(answers.count) answered; round trip min "
      + "\(Fixed.microseconds(summary.min)), median \(Fixed.microseconds(summary.p50)), max "
      + "\(Fixed.microseconds(summary.max)) us\n"
  }

  var json: JSONValue {
    .object([
      "schema": .string(Self.schema), "from": .string("\(session.localNID)"),
      "pings": .array(
        answers.map { answer in
          switch answer.result {
          case .success(let reply):
            .object([
              "nid": .string("\(answer.nid)"), "sequence": .integer(answer.sequence),
              "answered": .bool(true),
              "roundTripNanoseconds": .unsigned(reply.roundTrip.wholeNanoseconds),
              "nids": .strings(reply.nids.map(\.description)),
              "features": .unsigned(UInt64(reply.features.rawValue)), "error": .null,
            ])
          case .failure(let error):
            .object([
              "nid": .string("\(answer.nid)"), "sequence": .integer(answer.sequence),
              "answered": .bool(false), "roundTripNanoseconds": .null, "nids": .array([]),
              "features": .null, "error": .string(error.description),
            ])
          }
        }),
    ])
  }
}

extension Duration {
  /// Nanoseconds, of a duration that is not negative.
  var wholeNanoseconds: UInt64 {
    UInt64(clamping: components.seconds) * 1_000_000_000
      + UInt64(clamping: components.attoseconds / 1_000_000_000)
  }
}
