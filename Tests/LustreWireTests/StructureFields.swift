// Support: every structure of fixed length with its integers, listed by hand from spec 10 §11, 11 §4, §12-§14 and 13 §5:
// offset and size of each; what is not listed is opaque (handles, texts) or padding.

import LustreWire

struct StructureCase: Sendable {
  var name: String
  var byteCount: Int
  var integers: [(Int, Int)]
  /// Bytes that are neither integers nor padding.
  var opaque: [Range<Int>]
  /// Decodes and encodes; nil when the decoder throws.
  var remake: @Sendable ([UInt8], _ swapped: Bool) -> [UInt8]?
  var failure: @Sendable ([UInt8]) -> WireError?
  var structure: WireStructure

  init<Value: FixedLayout>(
    _ type: Value.Type, _ integers: [(Int, Int)], opaque: [Range<Int>] = []
  ) {
    name = "\(type)"
    byteCount = type.byteCount
    structure = type.structure
    self.integers = integers
    self.opaque = opaque
    remake = { bytes, swapped in
      guard let value = try? Value(decoding: bytes.rawBytes, swapped: swapped) else { return nil }
      var result = [UInt8](repeating: 0xA5, count: Value.byteCount)
      result.withMutableRawSpan { value.encode(into: &$0, at: 0) }
      // A value is what its bytes say: decoded again it is the same.
      precondition((try? Value(decoding: result.rawBytes)) == value)
      return result
    }
    failure = { bytes in
      do throws(WireError) {
        _ = try Value(decoding: bytes.rawBytes)
        return nil
      } catch { return error }
    }
  }
}

enum StructureCases {
  static func words(_ offsets: [Int], _ size: Int) -> [(Int, Int)] { offsets.map { ($0, size) } }
  static func run(_ start: Int, _ count: Int, _ size: Int) -> [(Int, Int)] {
    (0..<count).map { (start + $0 * size, size) }
  }

  static let fid = [(0, 8), (8, 4), (12, 4)]
  static func moved(_ fields: [(Int, Int)], by offset: Int) -> [(Int, Int)] {
    fields.map { ($0.0 + offset, $0.1) }
  }
  static let policy = run(0, 3, 8) + run(24, 2, 4)
  static let descriptor =
    [(0, 4)] + run(8, 4, 8) + run(40, 2, 4) + moved(policy, by: 48)
  static let objectLayout = [(0, 4), (4, 4), (8, 8), (16, 8), (24, 4)]

  static let all: [StructureCase] = [
    StructureCase(Cookie.self, [], opaque: [0..<8]),
    StructureCase(FID.self, fid),
    StructureCase(ObjectID.self, fid),
    StructureCase(SequenceRange.self, [(0, 8), (8, 8), (16, 4), (20, 4)]),
    StructureCase(ResourceID.self, run(0, 4, 8)),
    StructureCase(LockPolicy.self, policy),
    StructureCase(LockDescriptor.self, descriptor),
    StructureCase(LockRequest.self, run(0, 2, 4) + moved(descriptor, by: 8)),
    StructureCase(
      LockReply.self, [(0, 4)] + moved(descriptor, by: 8) + run(96, 2, 8), opaque: [88..<96]),
    StructureCase(LockIntent.self, [(0, 8)]),
    StructureCase(ObjectLockValue.self, run(0, 5, 8) + run(40, 3, 4)),
    StructureCase(
      Statfs.self,
      run(0, 6, 8) + [(88, 4), (92, 4), (96, 8)] + run(104, 3, 4), opaque: [48..<87]),
    StructureCase(LogID.self, [(0, 8), (8, 8), (16, 4)]),
    StructureCase(LogBody.self, [(0, 8), (8, 8)] + run(16, 6, 4) + [(40, 8)]),
    StructureCase(LogRecordHeader.self, run(0, 4, 4)),
    StructureCase(
      ConfigMarker.self, run(0, 3, 4) + run(16, 2, 8), opaque: [32..<160]),
    StructureCase(
      LayoutDescriptor.self, run(0, 4, 4) + run(16, 2, 8) + [(36, 4)], opaque: [48..<87]),
    StructureCase(
      TargetInfo.self, run(0, 6, 4) + run(192, 32, 8),
      opaque: [24..<152, 152..<191, 448..<4544]),
    StructureCase(
      ConfigReadRequest.self, [(64, 8), (72, 2), (74, 1), (75, 1), (76, 4)], opaque: [0..<64]),
    StructureCase(ConfigReadReply.self, run(0, 2, 8)),
    StructureCase(
      ObjectAttributes.self,
      [(0, 8)] + moved(fid, by: 8) + run(24, 7, 8) + run(80, 8, 4) + [(112, 8)]
        + run(120, 2, 4) + moved(objectLayout, by: 136) + run(164, 3, 4) + [(176, 8), (184, 4)],
      opaque: [128..<136]),
    StructureCase(ObjectLayout.self, objectLayout),
    StructureCase(ObjectRequest.self, fid + run(16, 2, 4)),
    StructureCase(RemoteRange.self, [(0, 8), (8, 4), (12, 4)]),
    StructureCase(
      MetadataBody.self,
      fid + moved(fid, by: 16) + run(40, 8, 8) + run(104, 18, 4) + run(176, 3, 8),
      opaque: [32..<40]),
    StructureCase(
      ConnectData.self,
      [(0, 8)] + run(8, 4, 4) + [(24, 8), (32, 1), (33, 1), (34, 2), (36, 4), (40, 8)]
        + run(48, 4, 4) + [(64, 8), (72, 2), (74, 1), (80, 8), (88, 8)]),
  ]
}
