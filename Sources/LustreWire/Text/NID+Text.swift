extension NetID: CustomStringConvertible {
  /// The name of the network, `o2ib1`; `<type:number>` when the driver has no name.
  public var description: String {
    guard rawValue >> 24 == 0, let name = lndType.name, lndType != .loopback || number == 0 else {
      return "<\(rawValue >> 16):\(number)>"
    }
    return number == 0 ? "\(name)" : "\(name)\(number)"
  }

  /// Parses the name of a network such as `o2ib` or `tcp3`.
  public init(text: String) throws(NIDTextError) {
    var cursor = try TextCursor(text)
    self = try cursor.network()
  }
}

extension NID: CustomStringConvertible, LosslessStringConvertible {
  /// The text form: `192.168.50.10@o2ib1`, `0@lo`, `<?>` for the wildcard, and hexadecimal with
  /// `<type:number>` where the driver has no name. Parsing it gives the same NID again.
  public var description: String {
    if self == .any { return "<?>" }
    let type = lndType
    guard isLegal, type.name != nil else { return unnamed }
    if type == .loopback { return self == .loopback ? "0@lo" : unnamed }
    return type.hasIPv4Addresses ? "\(dotted)@\(net)" : "\(address)@\(net)"
  }

  private var unnamed: String {
    "\(String(address, radix: 16))@<\(rawValue >> 48):\(netNumber)>"
  }

  private var dotted: String { IPv4Text.describe(address) }

  /// Parses any text form of a NID; without `@` the network is `tcp`. Throws ``NIDTextError``.
  public init(text: String) throws(NIDTextError) {
    var cursor = try TextCursor(text)
    try self.init(cursor: &cursor)
  }

  /// Parses any text form of a NID, or gives nil.
  public init?(_ description: String) {
    guard let nid = try? NID(text: description) else { return nil }
    self = nid
  }

  /// Parses from the cursor to the end of its text.
  init(cursor: inout TextCursor) throws(NIDTextError) {
    let start = cursor.offset
    if cursor.take(UInt8(ascii: "<")) {
      try cursor.expect(UInt8(ascii: "?"))
      try cursor.expect(UInt8(ascii: ">"))
      try cursor.expectEnd()
      self = .any
      return
    }
    guard let at = cursor.position(of: UInt8(ascii: "@")) else {
      self = .tcp(try cursor.ipv4())
      try cursor.expectEnd()
      return
    }
    cursor.move(to: at + 1)
    if cursor.take(UInt8(ascii: "<")) {
      let type = try cursor.number(maximum: 0xFFFF)
      try cursor.expect(UInt8(ascii: ":"))
      let number = try cursor.number(maximum: 0xFFFF)
      try cursor.expect(UInt8(ascii: ">"))
      try cursor.expectEnd()
      cursor.move(to: start)
      let address = try cursor.number(radix: 16, maximum: .max)
      try cursor.expect(UInt8(ascii: "@"))
      self.init(net: NetID(rawValue: type << 16 | number), address: address)
      return
    }
    let net = try cursor.network()
    cursor.move(to: start)
    let address: UInt32
    if net.lndType.hasIPv4Addresses {
      address = try cursor.ipv4()
    } else {
      address = try cursor.number(maximum: .max)
    }
    guard cursor.offset == at else { throw cursor.failure(.expected("@")) }
    guard net.lndType != .loopback || address == 0 else {
      throw cursor.failure(.loopback, at: start)
    }
    self.init(net: net, address: address)
  }
}

/// Dotted decimal.
package enum IPv4Text {
  /// The address with its first octet on top, as text.
  package static func describe(_ address: UInt32) -> String {
    "\(address >> 24).\(address >> 16 & 0xFF).\(address >> 8 & 0xFF).\(address & 0xFF)"
  }

  /// The address with its first octet on top.
  package static func parse(_ text: String) throws(NIDTextError) -> UInt32 {
    var cursor = try TextCursor(text)
    let address = try cursor.ipv4()
    try cursor.expectEnd()
    return address
  }
}

extension LargeNID: CustomStringConvertible {
  /// As ``NID``; IPv6 addresses as 8 hexadecimal words, the longest run of zeros left out.
  public var description: String {
    if let small { return small.description }
    let net = NetID(lndType, number: netNumber)
    let words = (0..<8).map { index in
      let half = index < 4 ? addressHigh : addressLow
      return UInt16(truncatingIfNeeded: half >> (48 - 16 * UInt64(index & 3)))
    }
    guard sizeField == Self.maximumSizeField, lndType == .tcp || lndType == .efa else {
      let hexWords = words.map { String($0, radix: 16) }.joined(separator: ":")
      return "\(hexWords)@<\(lndType.rawValue):\(netNumber)>"
    }
    return "\(Self.ipv6(words))@\(net)"
  }

  /// RFC 5952: lower case, no leading zeros, the first longest run of two or more zero words as `::`.
  private static func ipv6(_ words: [UInt16]) -> String {
    var best = 0..<0
    var start = 0
    while start < words.count {
      var end = start
      while end < words.count, words[end] == 0 { end += 1 }
      if end - start > max(best.count, 1) { best = start..<end }
      start = end + 1
    }
    func join(_ part: ArraySlice<UInt16>) -> String {
      part.map { String($0, radix: 16) }.joined(separator: ":")
    }
    guard !best.isEmpty else { return join(words[...]) }
    return join(words[..<best.lowerBound]) + "::" + join(words[best.upperBound...])
  }
}
