package import Structures

/// How the simulated network behaves, as data. Times are nanoseconds of virtual time; chances are per mille.
package struct NetworkModel: Equatable, Sendable {
  /// One way, at least; each packet draws up to `jitter` more.
  package var latency: UInt64 = 2_000
  package var jitter: UInt64 = 1_000
  /// Of each device's way out: bytes per microsecond (12,500 are 100 Gbit/s).
  package var bytesPerMicrosecond: UInt64 = 12_500
  /// One way of a message of the connection manager.
  package var connectLatency: UInt64 = 50_000
  package var connectJitter: UInt64 = 20_000
  package var connectDropPerMille: UInt64 = 0
  /// After how long the connection manager repeats what was not answered.
  package var connectRetryInterval: UInt64 = 250_000_000
  /// How much later than its work a completion may be seen, at most.
  package var completionDelay: UInt64 = 0
  /// A packet is lost and repeated after `acknowledgeTimeout`.
  package var packetLossPerMille: UInt64 = 0
  package var acknowledgeTimeout: UInt64 = 70_000_000
  /// A send is told "receiver not ready" although a receive is there.
  package var falseNotReadyPerMille: UInt64 = 0
  package var receiverNotReadyTimer: UInt64 = 640_000
  /// A connect request is refused as stale when the machines have talked before (REJ reason 10).
  package var staleRejectPerMille: UInt64 = 0

  package init() {}

  /// Behaviour drawn from a seed: from a quiet network to a miserable one.
  package static func random(using random: inout SeededGenerator) -> NetworkModel {
    var model = NetworkModel()
    model.latency = UInt64.random(in: 500...50_000, using: &random)
    model.jitter = UInt64.random(in: 0...100_000, using: &random)
    model.bytesPerMicrosecond = UInt64.random(in: 100...25_000, using: &random)
    model.connectLatency = UInt64.random(in: 5_000...2_000_000, using: &random)
    model.connectJitter = UInt64.random(in: 0...5_000_000, using: &random)
    func sometimes(_ limit: UInt64) -> UInt64 {
      guard UInt64.random(in: 0..<3, using: &random) == 0 else { return 0 }
      return UInt64.random(in: 0...limit, using: &random)
    }
    model.connectDropPerMille = sometimes(300)
    model.completionDelay = sometimes(500_000)
    model.packetLossPerMille = sometimes(20)
    model.falseNotReadyPerMille = sometimes(50)
    model.staleRejectPerMille = sometimes(300)
    return model
  }

  /// The same network with nothing going wrong any more.
  package var healed: NetworkModel {
    var model = self
    model.connectDropPerMille = 0
    model.packetLossPerMille = 0
    model.falseNotReadyPerMille = 0
    model.staleRejectPerMille = 0
    return model
  }
}

extension NetworkModel: CustomStringConvertible {
  /// One word that `init(text:)` takes back.
  package var description: String {
    words.map { String($0) }.joined(separator: ",")
  }

  private var words: [UInt64] {
    [
      latency, jitter, bytesPerMicrosecond, connectLatency, connectJitter, connectDropPerMille,
      connectRetryInterval, completionDelay, packetLossPerMille, acknowledgeTimeout,
      falseNotReadyPerMille, receiverNotReadyTimer, staleRejectPerMille,
    ]
  }

  package init?(text: some StringProtocol) {
    var numbers: [UInt64] = []
    for word in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let number = UInt64(word) else { return nil }
      numbers.append(number)
    }
    guard numbers.count == 13, numbers[2] > 0 else { return nil }
    latency = numbers[0]
    jitter = numbers[1]
    bytesPerMicrosecond = numbers[2]
    connectLatency = numbers[3]
    connectJitter = numbers[4]
    connectDropPerMille = numbers[5]
    connectRetryInterval = numbers[6]
    completionDelay = numbers[7]
    packetLossPerMille = numbers[8]
    acknowledgeTimeout = numbers[9]
    falseNotReadyPerMille = numbers[10]
    receiverNotReadyTimer = numbers[11]
    staleRejectPerMille = numbers[12]
  }
}
