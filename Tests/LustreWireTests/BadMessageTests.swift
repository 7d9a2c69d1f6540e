// Property: no bytes make a decoder trap; what is not a message is a typed error.
// Method: every golden message at every truncated length, with every value of each enumerated field, with each
// byte flipped, and as a sender of the other byte order would send it.

import LustreWire
import Testing

@Suite struct BadMessageTests {
  static let messages = WorkedExampleTests.messages

  /// The error of decoding envelope, body and LNet header, or nil.
  static func failure(_ bytes: [UInt8]) -> WireError? {
    do throws(WireError) {
      let message = try O2IBMessage(decoding: bytes.span.bytes)
      switch message.body {
      case .immediate, .putRequest, .getRequest: _ = try message.lnetHeader(in: bytes.span.bytes)
      case .putAcknowledge(let body): _ = body.descriptor.totalByteCount(in: bytes.span.bytes)
      default: break
      }
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: messages)
  func truncated(vector: GoldenVector) {
    for length in 0..<vector.bytes.count {
      let error = Self.failure(Array(vector.bytes[..<length]))
      switch length {
      case ..<6:
        #expect(
          error == .truncated(.o2ibEnvelope, needed: 6, available: UInt32(length)))
      case ..<48:
        #expect(
          error == .truncated(.o2ibEnvelope, needed: 48, available: UInt32(length)))
      default:
        #expect(
          error
            == .declaredBeyondReceived(
              declared: UInt32(vector.bytes.count), received: UInt32(length)))
      }
    }
  }

  @Test(arguments: messages)
  func declaredShorter(vector: GoldenVector) throws {
    let minimum = try #require(O2IBMessageType(rawValue: vector.bytes[6])).minimumByteCount
    for declared in 0..<UInt32(vector.bytes.count) {
      var bytes = vector.bytes
      bytes[8] = UInt8(declared)
      let error = Self.failure(bytes)
      if declared < minimum {
        #expect(
          error
            == .declaredBelowMinimum(type: bytes[6], declared: declared, minimum: minimum))
      } else {
        #expect(error != nil)
      }
    }
  }

  @Test(arguments: messages)
  func typeByte(vector: GoldenVector) {
    for type in 0...255 as ClosedRange<UInt8> where type != vector.bytes[6] {
      var bytes = vector.bytes
      bytes[6] = type
      let error = Self.failure(bytes)
      if O2IBMessageType(rawValue: type) == nil { #expect(error == .unknownMessageType(type)) }
    }
  }

  @Test(arguments: messages)
  func version(vector: GoldenVector) {
    for version in 0...0xFFFF as ClosedRange<UInt16> {
      var bytes = vector.bytes
      bytes[4] = UInt8(truncatingIfNeeded: version)
      bytes[5] = UInt8(version >> 8)
      let legal = version == 0x11 || version == 0x12
      #expect(
        Self.failure(bytes)
          == (legal ? nil : .unsupportedVersion(.o2ibEnvelope, found: version)))
    }
  }

  @Test(arguments: messages)
  func everyByteReplaced(vector: GoldenVector) {
    for index in vector.bytes.indices {
      for value in [0x00, 0x01, 0x7F, 0x80, 0xFF] as [UInt8] {
        var bytes = vector.bytes
        bytes[index] = value
        if index < 4, value != vector.bytes[index] {
          guard case .badMagic = Self.failure(bytes) else {
            Issue.record("magic byte \(index) = \(value)")
            return
          }
        } else {
          _ = Self.failure(bytes)
        }
      }
    }
  }

  @Test(arguments: messages)
  func senderIsAny(vector: GoldenVector) {
    var bytes = vector.bytes
    bytes.replaceSubrange(16..<24, with: [UInt8](repeating: 0xFF, count: 8))
    #expect(Self.failure(bytes) == .sourceIsAny)
  }

  @Test(arguments: messages)
  func otherByteOrder(vector: GoldenVector) throws {
    let swapped = swappedMessage(vector.bytes)
    var ours = try decodedMessage(vector.bytes)
    let theirs = try decodedMessage(swapped)
    #expect(theirs.swapped)
    #expect(theirs.envelope == ours.envelope)
    switch (ours.body, theirs.body) {
    case (.putAcknowledge(let a), .putAcknowledge(let b)):
      #expect(a.sourceCookie == b.sourceCookie && a.sinkCookie == b.sinkCookie)
      #expect(a.descriptor.remoteKey == b.descriptor.remoteKey)
    case (.getRequest(let a), .getRequest(let b)):
      #expect(a.cookie == b.cookie)
      #expect(a.descriptor.remoteKey == b.descriptor.remoteKey)
    default:
      ours.swapped = true
      #expect(theirs == ours)
    }
    #expect(try decodedFragments(swapped) == decodedFragments(vector.bytes))
    switch ours.body {
    case .immediate, .putRequest, .getRequest:
      #expect(try decodedHeader(swapped) == decodedHeader(vector.bytes))
    default: break
    }
  }

  @Test func lnetTypeAndPayloadLength() throws {
    for name in ["IMMEDIATE GET", "IMMEDIATE ACK", "IMMEDIATE PUT", "IMMEDIATE REPLY"] {
      let original = try WorkedExampleTests.bytes(name)
      for type in [5, 6, 255, 256, 0x0100_0000, UInt32.max] {
        var bytes = original
        bytes.withMutableRawSpan { $0.storeLittle(type, at: 48 + 24) }
        #expect(Self.failure(bytes) == .unknownHeaderType(type))
      }
    }
    for (name, type) in [("IMMEDIATE GET", 2), ("IMMEDIATE ACK", 0)] as [(String, UInt32)] {
      var bytes = try WorkedExampleTests.bytes(name)
      bytes[48 + 28] = 1
      #expect(Self.failure(bytes) == .unexpectedPayload(headerType: type, length: 1))
    }
    for name in ["IMMEDIATE PUT", "IMMEDIATE REPLY", "PUT_REQ"] {
      var bytes = try WorkedExampleTests.bytes(name)
      bytes.withMutableRawSpan { $0.storeLittle(UInt32(1 << 20) + 1, at: 48 + 28) }
      #expect(Self.failure(bytes) == .payloadTooLong(length: 1 << 20 + 1))
    }
    var bytes = try WorkedExampleTests.bytes("IMMEDIATE PUT")
    bytes[48 + 28] = 49
    #expect(Self.failure(bytes) == .payloadBeyondMessage(length: 49, available: 48))
  }

  @Test(arguments: [("PUT_ACK", 64), ("GET_REQ", 128)])
  func fragmentCount(name: String, descriptor: Int) throws {
    let original = try WorkedExampleTests.bytes(name)
    for count in [0, 258, 65536, UInt32.max] {
      var bytes = original
      bytes.withMutableRawSpan { $0.storeNative(count, at: descriptor + 4) }
      #expect(Self.failure(bytes) == .fragmentCount(count))
    }
    for count in 1...257 as ClosedRange<UInt32> {
      let needed = descriptor + 8 + 12 * Int(count)
      var bytes = original + [UInt8](repeating: 0, count: needed - original.count)
      bytes.withMutableRawSpan { $0.storeNative(count, at: descriptor + 4) }
      bytes.withMutableRawSpan { $0.storeNative(UInt32(needed), at: 8) }
      #expect(Self.failure(bytes) == nil)
      bytes.withMutableRawSpan { $0.storeNative(UInt32(needed - 1), at: 8) }
      let error = Self.failure(bytes)
      if count == 1 {
        #expect(error != nil)
      } else {
        #expect(
          error == .descriptorBeyondMessage(fragments: count, declared: UInt32(needed - 1)))
      }
    }
  }
}
