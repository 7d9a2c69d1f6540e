internal import LustreWire

// Phases and outcomes as the words and lines of a control socket.

extension BenchPhase.Operation {
  package var word: String {
    switch self {
    case .pingPong: "pingpong"
    case .stream: "stream"
    case .put: "put"
    case .get: "get"
    case .acknowledged: "acknowledged"
    case .rpc: "rpc"
    case .session: "session"
    }
  }

  /// What a running node can be asked for: no imports of its own.
  init?(word: String) {
    switch word {
    case "pingpong": self = .pingPong
    case "stream": self = .stream
    case "put": self = .put
    case "get": self = .get
    default: return nil
    }
  }
}

extension BenchPhase {
  /// Bounds of what a node lets itself be asked for.
  package static let countMax = 1_000_000_000
  private static let inFlightMax = 4096
  package static let ratePerSecondMax = 10_000_000

  /// So many of its operations, for people.
  package func progress(_ done: Int) -> String {
    count < Self.countMax ? "\(done) of \(count)" : "\(done)"
  }

  package var words: [String] {
    [
      operation.word, "\(target)", "\(byteCount)", "\(count)", "\(warmupCount)", "\(inFlight)",
      isChecked ? "1" : "0", "\(durationNanoseconds)", "\(ratePerSecond)",
    ]
  }

  /// Reads what `words` gives; nil when something is missing or out of bounds.
  package init?(words: [String]) {
    guard words.count == 9, let operation = Operation(word: words[0]), let target = NID(words[1]),
      let byteCount = Int(words[2]), (0...BenchWire.byteCountMax).contains(byteCount),
      let count = Int(words[3]), (1...Self.countMax).contains(count), let warmup = Int(words[4]),
      (0...Self.countMax).contains(warmup), let inFlight = Int(words[5]),
      (1...Self.inFlightMax).contains(inFlight), let duration = UInt64(words[7]),
      let rate = Int(words[8]), (0...Self.ratePerSecondMax).contains(rate)
    else { return nil }
    self.init(
      operation, target: target, byteCount: byteCount, count: count, warmupCount: warmup,
      inFlight: inFlight, isChecked: words[6] == "1", durationNanoseconds: duration,
      ratePerSecond: rate)
  }
}

extension BenchOutcome {
  /// Lines of a name and numbers; nothing of the histogram is lost.
  package var text: String {
    "count \(count)\nelapsed \(elapsedNanoseconds)\nmismatches \(mismatchCount)\nstatus \(status)\n"
      + "stage \(stage.rawValue)\nlatency\(Self.text(latency))\ncorrected\(Self.text(correctedLatency))\n"
  }

  private static func text(_ recorder: LatencyRecorder) -> String {
    recorder.buckets.map { " \($0.value):\($0.count)" }.joined()
  }

  private static func recorder(_ words: ArraySlice<Substring>) -> LatencyRecorder? {
    var recorder = LatencyRecorder()
    for word in words {
      let pair = word.split(separator: ":")
      guard pair.count == 2, let value = UInt64(pair[0]), let count = UInt64(pair[1]) else {
        return nil
      }
      recorder.record(value, count: count)
    }
    return recorder
  }

  package init?(text: String) {
    self.init()
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard let name = words.first else { continue }
      if name == "latency" || name == "corrected" {
        guard let recorder = Self.recorder(words.dropFirst()) else { return nil }
        if name == "latency" { latency = recorder } else { correctedLatency = recorder }
        continue
      }
      guard words.count == 2, let number = Int64(words[1]) else { return nil }
      switch name {
      case "count": count = Int(number)
      case "elapsed": elapsedNanoseconds = UInt64(clamping: number)
      case "mismatches": mismatchCount = UInt64(clamping: number)
      case "status": status = Int32(clamping: number)
      case "stage":
        guard let stage = Stage(rawValue: Int(number)) else { return nil }
        self.stage = stage
      default: return nil
      }
    }
  }
}
