/// A set of NIDs on one network, written with brackets: `192.168.1.[1-253/2,254]@o2ib`, `*@tcp`.
///
/// Every octet of an IPv4 address, and every address that is a number, may be a number, `*`, or a bracket with
/// numbers, ranges `a-b` and ranges with a step `a-b/s`.
public struct NIDRange: Hashable, Sendable {
  /// The network of all its NIDs.
  public let net: NetID
  /// The text that it was made from.
  public let text: String
  private let parts: [[Steps]]

  /// Numbers from a first to a last one, every `step`-th of them.
  private struct Steps: Hashable, Sendable {
    var first: UInt32
    var last: UInt32
    var step: UInt32

    func contains(_ value: UInt32) -> Bool {
      value >= first && value <= last && (value - first) % step == 0
    }

    var count: UInt64 { UInt64(last - first) / UInt64(step) + 1 }
  }

  /// Parses a range; a plain NID is a range of one. Throws ``NIDTextError``.
  public init(text: String) throws(NIDTextError) {
    var cursor = try TextCursor(text)
    if let at = cursor.position(of: UInt8(ascii: "@")) {
      cursor.move(to: at + 1)
      net = try cursor.network()
      cursor.move(to: 0)
    } else {
      net = NetID(.tcp)
    }
    let octets = net.lndType.hasIPv4Addresses
    let maximum: UInt32 = octets ? 255 : net.lndType == .loopback ? 0 : .max
    var parts = [try Self.part(&cursor, maximum: maximum)]
    let isWhole = cursor.isAtEnd || cursor.peek == UInt8(ascii: "@")
    if octets {
      if isWhole, text.utf8.first == UInt8(ascii: "*") {
        parts = Array(repeating: parts[0], count: 4)
      } else {
        for _ in 0..<3 {
          try cursor.expect(UInt8(ascii: "."))
          parts.append(try Self.part(&cursor, maximum: maximum))
        }
      }
    }
    guard cursor.isAtEnd || cursor.peek == UInt8(ascii: "@") else {
      throw cursor.failure(.expected("@"))
    }
    self.parts = parts
    self.text = text
  }

  private static func part(
    _ cursor: inout TextCursor, maximum: UInt32
  ) throws(NIDTextError) -> [Steps] {
    if cursor.take(UInt8(ascii: "*")) { return [Steps(first: 0, last: maximum, step: 1)] }
    guard cursor.take(UInt8(ascii: "[")) else {
      let value = try cursor.number(maximum: maximum)
      return [Steps(first: value, last: value, step: 1)]
    }
    var items: [Steps] = []
    repeat {
      let start = cursor.offset
      let first = try cursor.number(maximum: maximum)
      var item = Steps(first: first, last: first, step: 1)
      if cursor.take(UInt8(ascii: "-")) {
        item.last = try cursor.number(maximum: maximum)
        if cursor.take(UInt8(ascii: "/")) { item.step = try cursor.number(maximum: .max) }
      }
      guard item.first <= item.last, item.step > 0 else {
        throw cursor.failure(.emptyRange, at: start)
      }
      items.append(item)
    } while cursor.take(UInt8(ascii: ","))
    try cursor.expect(UInt8(ascii: "]"))
    return items
  }

  /// Whether the NID is one of the set.
  public func contains(_ nid: NID) -> Bool {
    guard nid.net == net else { return false }
    return parts.indices.allSatisfy { index in
      let value = parts.count == 1 ? nid.address : nid.address >> (24 - 8 * UInt32(index)) & 0xFF
      return parts[index].contains { $0.contains(value) }
    }
  }

  /// All NIDs of the set in ascending order, each once.
  ///
  /// - Parameter limit: how many the caller is ready to take; throws when the text names more, counting
  ///   what it names twice twice.
  public func expanded(limit: Int) throws(NIDTextError) -> [NID] {
    var total: UInt64 = 1
    for part in parts {
      let (product, overflow) = total.multipliedReportingOverflow(
        by: part.reduce(0) { $0 + $1.count })
      guard !overflow, product <= UInt64(max(limit, 0)) else {
        throw NIDTextError(text: text, offset: 0, problem: .tooMany(limit: limit))
      }
      total = product
    }
    var addresses: [UInt32] = [0]
    for part in parts {
      var values: [UInt32] = []
      for item in part {
        for index in 0..<item.count {
          values.append(item.first + UInt32(index) * item.step)
        }
      }
      addresses = addresses.flatMap { prefix in values.map { prefix << 8 | $0 } }
    }
    addresses.sort()
    var result: [NID] = []
    for address in addresses where result.last?.address != address {
      result.append(NID(net: net, address: address))
    }
    return result
  }
}
