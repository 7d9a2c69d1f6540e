internal import LustreWire

// What nodes answer on their control sockets: `key: value` lines.

extension PingReply {
  var encoded: String {
    "nids: \(nids.map(\.description).joined(separator: " "))\nfeatures: \(features.rawValue)\n"
      + "nanoseconds: \(Int64(roundTrip.nanosecondCount))\n"
  }

  /// Reads the answer of a control socket; nil when it is not one.
  package init?(encoded text: String) {
    let fields = Fields(text)
    guard let nids = fields.nids("nids"), let features = fields.number("features"),
      let nanoseconds = fields.number("nanoseconds")
    else { return nil }
    self.init(
      nids: nids, features: PingFeatures(rawValue: UInt32(truncatingIfNeeded: features)),
      roundTrip: .nanoseconds(nanoseconds))
  }
}

extension PeerDescription {
  var encoded: String {
    var text = "primary: \(primaryNID)\nmulti_rail: \(isMultiRail ? 1 : 0)\n"
    text += "features: \(features.rawValue)\n"
    text += "nids: \(interfaces.map(\.nid.description).joined(separator: " "))\n"
    text += "up: \(interfaces.map { $0.isUp ? "1" : "0" }.joined(separator: " "))\n"
    text += "health: \(interfaces.map { String($0.health) }.joined(separator: " "))\n"
    return text
  }

  /// Reads the answer of a control socket; nil when it is not one.
  package init?(encoded text: String) {
    let fields = Fields(text)
    guard let primary = fields.nids("primary")?.first, let features = fields.number("features"),
      let multiRail = fields.number("multi_rail"), let nids = fields.nids("nids"),
      let up = fields.numbers("up"), let health = fields.numbers("health"),
      up.count == nids.count, health.count == nids.count
    else { return nil }
    self.init(
      primaryNID: primary, isMultiRail: multiRail != 0,
      features: PingFeatures(rawValue: UInt32(truncatingIfNeeded: features)),
      interfaces: nids.indices.map {
        Interface(nid: nids[$0], isUp: up[$0] != 0, health: Int(health[$0]))
      })
  }
}

/// The lines of an answer.
private struct Fields {
  private var values: [String: [Substring]] = [:]

  init(_ text: String) {
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard let key = words.first, key.hasSuffix(":") else { continue }
      values[String(key.dropLast())] = Array(words.dropFirst())
    }
  }

  func nids(_ key: String) -> [NID]? {
    guard let words = values[key] else { return nil }
    let nids = words.compactMap { NID(String($0)) }
    return nids.count == words.count ? nids : nil
  }

  func numbers(_ key: String) -> [Int64]? {
    guard let words = values[key] else { return nil }
    let numbers = words.compactMap { Int64($0) }
    return numbers.count == words.count ? numbers : nil
  }

  func number(_ key: String) -> Int64? { numbers(key)?.first }
}
