/// A tunable with a value that the protocol or the device cannot take.
package struct O2IBConfigurationError: Error, Equatable, CustomStringConvertible {
  /// Lustre's name of the tunable.
  package var key: String
  package var value: Int
  /// What is legal, for a person.
  package var legal: String

  package var description: String { "\(key) = \(value): legal are \(legal)" }
}

/// The tunables of the driver, under the names of Lustre's module parameters (spec 02 §13).
package struct O2IBConfiguration: Sendable, Equatable {
  /// `service`: the port of the connection manager.
  package private(set) var service: UInt16 = 987
  /// `peer_credits`: the queue depth that is offered, and the largest that is accepted.
  package private(set) var peerCredits = 8
  /// `peer_credits_hiw`: at how many owed credits of a full depth a NOOP goes out; 0 for half.
  package private(set) var peerCreditsHighWater = 0
  /// `credits`: PUTs and GETs of all peers together that the driver has at a time; LNet keeps to it.
  package private(set) var credits = 256
  /// `concurrent_sends`: messages of a connection that are posted and not completed; 0 for
  /// `peer_credits`.
  package private(set) var concurrentSends = 0
  /// `conns_per_peer`: connections that are opened at first contact.
  package private(set) var connectionsPerPeer = 1
  /// `timeout`, in seconds: from queuing a message to its end.
  package private(set) var timeoutSeconds = 50
  /// `keepalive`, in seconds: after so long without a send a NOOP goes out; 0 for never.
  package private(set) var keepaliveSeconds = 100
  /// `retry_count` and `rnr_retry_count` of the queue pair.
  package private(set) var retryCount = 5
  package private(set) var receiverNotReadyRetryCount = 6
  /// `tos`: traffic class; -1 leaves the system's.
  package private(set) var typeOfService = -1
  /// `ib_mtu`, in bytes: 0 leaves the path's.
  package private(set) var mtu = 0
  /// `use_privileged_port`: connect from a port below 1024.
  package private(set) var usesPrivilegedPort = true
  /// `require_privileged_port`: refuse requests from other ports.
  package private(set) var requiresPrivilegedPort = false

  /// Lustre's defaults.
  package init() {}

  /// The profile that Lustre ships for Omni-Path (`ko2iblnd.conf`).
  package static var omniPath: O2IBConfiguration {
    var configuration = O2IBConfiguration()
    configuration.peerCredits = 32
    configuration.peerCreditsHighWater = 16
    configuration.credits = 1024
    configuration.concurrentSends = 64
    configuration.connectionsPerPeer = 4
    return configuration
  }

  /// Opens so many connections at first contact, beyond the range of `conns_per_peer` too: no peer's rule depends on
  /// that range, and set-ups are to be measured with as many under way as another program has.
  package mutating func connectAtOnce(_ count: Int) {
    precondition(count > 0)
    connectionsPerPeer = count
  }

  /// The keys that `set` knows, in the order of spec 02 §13.
  package static var keys: [String] {
    [
      "service", "timeout", "peer_credits", "peer_credits_hiw", "credits", "concurrent_sends",
      "conns_per_peer", "retry_count", "rnr_retry_count", "keepalive", "ib_mtu",
      "use_privileged_port", "require_privileged_port", "tos",
    ]
  }

  /// Sets a tunable by Lustre's name.
  ///
  /// - Throws: the key, the value and what is legal; also for a key that is none of ``keys``.
  package mutating func set(_ key: String, to value: Int) throws(O2IBConfigurationError) {
    func check(_ range: ClosedRange<Int>, _ unit: String = "") throws(O2IBConfigurationError)
      -> Int
    {
      guard range.contains(value) else {
        throw O2IBConfigurationError(
          key: key, value: value, legal: "\(range.lowerBound)...\(range.upperBound)\(unit)")
      }
      return value
    }
    switch key {
    case "service": service = UInt16(try check(1...65535))
    case "timeout": timeoutSeconds = try check(1...3600, " s")
    case "peer_credits": peerCredits = try check(8...255)
    case "peer_credits_hiw": peerCreditsHighWater = try check(0...254)
    case "credits": credits = try check(1...65536)
    case "concurrent_sends": concurrentSends = try check(0...510)
    case "conns_per_peer": connectionsPerPeer = try check(1...16)
    case "retry_count": retryCount = try check(0...7)
    case "rnr_retry_count": receiverNotReadyRetryCount = try check(0...7)
    case "keepalive": keepaliveSeconds = try check(0...3600, " s")
    case "ib_mtu":
      guard [0, 256, 512, 1024, 2048, 4096].contains(value) else {
        throw O2IBConfigurationError(
          key: key, value: value, legal: "0, 256, 512, 1024, 2048, 4096 bytes")
      }
      mtu = value
    case "use_privileged_port": usesPrivilegedPort = try check(0...1) == 1
    case "require_privileged_port": requiresPrivilegedPort = try check(0...1) == 1
    case "tos": typeOfService = try check(-1...255)
    default:
      throw O2IBConfigurationError(
        key: key, value: value, legal: "the keys \(Self.keys.joined(separator: ", "))")
    }
  }
}

// MARK: - What follows from the tunables

extension O2IBConfiguration {
  private static var second: UInt64 { 1_000_000_000 }

  /// From queuing a message on a connection to its end, in nanoseconds.
  package var timeoutNanoseconds: UInt64 { UInt64(timeoutSeconds) * Self.second }
  package var keepaliveNanoseconds: UInt64 { UInt64(keepaliveSeconds) * Self.second }
  /// The CM exchange: max(5 s, timeout/4) (spec 02 §10).
  package var connectTimeoutMilliseconds: UInt32 {
    max(5000, UInt32(timeoutSeconds) * 1000 / 4)
  }
  package var connectNanoseconds: UInt64 { UInt64(connectTimeoutMilliseconds) * 1_000_000 }
  /// How long a message waits for a connection: the CM exchange and 10 s (spec 02 §10).
  package var waitNanoseconds: UInt64 { connectNanoseconds + 10 * Self.second }
  /// Address and route have 5 s each in the connection manager; our own deadline is a little later.
  package var prepareNanoseconds: UInt64 { 12_500_000_000 }
  /// How long an answer to our disconnect may take before the connection is destroyed without it.
  package var closeNanoseconds: UInt64 { 3 * Self.second }
  /// How long we wait for the peer's own connection after it won a race (spec 02 §8.1: a few
  /// seconds).
  package var raceNanoseconds: UInt64 { 3 * Self.second }
  /// The pace of reconnects after ten in a row (spec 02 §10), and after EARLY (04 B.1).
  package var paceNanoseconds: UInt64 { Self.second }
  /// Negotiable rejects in a row that are answered at once.
  package var immediateReconnects: Int { 10 }

  /// Our own back-off after a failed attempt, which real nodes lack: the n-th failure in a row
  /// delays the next attempt by at most 50 ms · 2ⁿ⁻¹, never more than 2 s; half of it is jitter.
  package func backoffNanoseconds(failures: Int) -> UInt64 {
    let doublings = UInt64(min(max(failures, 1) - 1, 6))
    return min(50_000_000 << doublings, 2 * Self.second)
  }

  /// NOOP threshold at a depth: depth · hiw / peer_credits, hiw within [peer_credits/2,
  /// peer_credits−1], never below 1, which would make NOOPs answer NOOPs (spec 02 §7.4, §15.7).
  package func highWater(depth: Int) -> Int {
    let wanted = peerCreditsHighWater == 0 ? peerCredits / 2 : peerCreditsHighWater
    let clamped = min(max(wanted, peerCredits / 2), peerCredits - 1)
    return max(1, depth * clamped / peerCredits)
  }

  /// `concurrent_sends` within [peer_credits/2, 2 · peer_credits].
  package var concurrentSendsInEffect: Int {
    let wanted = concurrentSends == 0 ? peerCredits : concurrentSends
    return min(max(wanted, peerCredits / 2), 2 * peerCredits)
  }

  /// Receives that a connection of this depth posts: credited messages, responses, two NOOPs.
  package static func receiveCount(depth: Int) -> Int { 2 * depth + 2 }
}
