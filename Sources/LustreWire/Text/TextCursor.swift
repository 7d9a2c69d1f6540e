/// Reads the bytes of a short text from left to right.
struct TextCursor {
  /// The longest text that is looked at, in bytes; a range with many brackets stays well below.
  static let maximumBytes = 1024

  private let text: String
  private let bytes: [UInt8]
  private(set) var offset = 0

  init(_ text: String) throws(NIDTextError) {
    self.text = text
    let count = text.utf8.count
    guard count > 0, count <= Self.maximumBytes else {
      throw NIDTextError(text: String(text.prefix(64)), offset: 0, problem: .length)
    }
    bytes = Array(text.utf8)
  }

  var isAtEnd: Bool { offset == bytes.count }
  var peek: UInt8? { isAtEnd ? nil : bytes[offset] }

  func failure(_ problem: NIDTextError.Problem, at offset: Int? = nil) -> NIDTextError {
    NIDTextError(text: text, offset: offset ?? self.offset, problem: problem)
  }

  /// Where `byte` is next met, or nil.
  func position(of byte: UInt8) -> Int? { bytes[offset...].firstIndex(of: byte) }

  /// Moves to `offset`, which must not be behind the end.
  mutating func move(to offset: Int) { self.offset = offset }

  /// Steps over `byte` if it is next.
  mutating func take(_ byte: UInt8) -> Bool {
    guard peek == byte else { return false }
    offset += 1
    return true
  }

  mutating func expect(_ byte: UInt8) throws(NIDTextError) {
    guard take(byte) else { throw failure(.expected(Character(UnicodeScalar(byte)))) }
  }

  func expectEnd() throws(NIDTextError) {
    guard isAtEnd else { throw failure(.trailing) }
  }

  /// Steps over digits of the given radix (10 or 16) and returns their value.
  mutating func number(radix: UInt64 = 10, maximum: UInt32) throws(NIDTextError) -> UInt32 {
    let start = offset
    var value: UInt64 = 0
    while let digit = digitValue(radix: radix) {
      value = value * radix + digit
      guard value <= UInt64(maximum) else {
        throw failure(.numberTooLarge(maximum: maximum), at: start)
      }
      offset += 1
    }
    guard offset > start else { throw failure(.expectedNumber) }
    return UInt32(value)
  }

  private func digitValue(radix: UInt64) -> UInt64? {
    switch peek {
    case .some(let byte) where byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"):
      UInt64(byte - UInt8(ascii: "0"))
    case .some(let byte)
    where radix == 16 && byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "f"):
      UInt64(byte - UInt8(ascii: "a") + 10)
    case .some(let byte)
    where radix == 16 && byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "F"):
      UInt64(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
  }

  /// A dotted IPv4 address.
  mutating func ipv4() throws(NIDTextError) -> UInt32 {
    var address = try number(maximum: 255)
    for _ in 0..<3 {
      try expect(UInt8(ascii: "."))
      address = address << 8 | (try number(maximum: 255))
    }
    return address
  }

  /// The rest of the text as the name of a network: a type and, unless it is `lo`, perhaps a number.
  ///
  /// The longest name counts, but a name may end in a digit (`o2ib`): so names are compared, not scanned.
  mutating func network() throws(NIDTextError) -> NetID {
    let start = offset
    var best: (type: LNDType, end: Int)?
    for type in LNDType.named {
      guard let name = type.name else { continue }
      let end = start + name.utf8CodeUnitCount
      guard end <= bytes.count, String(decoding: bytes[start..<end], as: UTF8.self) == "\(name)"
      else { continue }
      if best == nil || end > (best?.end ?? 0) { best = (type, end) }
    }
    guard let best else {
      throw failure(.unknownNetwork(String(decoding: bytes[start...], as: UTF8.self)))
    }
    offset = best.end
    guard !isAtEnd else { return NetID(best.type) }
    guard best.type != .loopback else { throw failure(.loopback) }
    let digits = peek.map { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") } ?? false
    guard digits else {
      throw failure(
        .unknownNetwork(String(decoding: bytes[start...], as: UTF8.self)), at: start)
    }
    let number = try number(maximum: 0xFFFF)
    try expectEnd()
    return NetID(best.type, number: UInt16(number))
  }
}
