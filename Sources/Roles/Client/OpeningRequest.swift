internal import Connections
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport

/// A question that a mount puts to its first metadata target, as a real client does (capture 03).
struct OpeningRequest {
  var opcode: Opcode
  var portal = Portal.mdsRequest
  var flags = RPCFlags.hasUserIDs
  var saysProcess = true
  var body: MetadataBody?
  /// FLD_QUERY: the sequence whose place is asked for.
  var sequence: UInt64?
  /// Buffers behind the body that are empty.
  var emptyCount = 0
  var reply: BufferLengths
  var tag = OwnerTag(raw: 0)

  /// By their order: statistics, the same again, the root, on which target it is, its attributes.
  static func of(_ step: UInt8) -> OpeningRequest {
    let statistics = BufferLengths(Statfs.byteCount)
    switch step {
    case 1: return OpeningRequest(opcode: .mdsStatfs, saysProcess: false, reply: statistics)
    case 2: return OpeningRequest(opcode: .mdsStatfs, reply: statistics)
    case 3:
      return OpeningRequest(
        opcode: .mdsGetRoot, flags: RPCFlags(rawValue: 0x209),
        body: asked(AttributeValid(rawValue: 0)),
        reply: BufferLengths(MetadataBody.byteCount, 0))
    case 4:
      return OpeningRequest(
        opcode: .fldQuery, portal: .fldRequest, sequence: FID.root.sequence,
        reply: BufferLengths(SequenceRange.byteCount))
    default:
      var body = asked(AttributeValid(rawValue: 0x3100_0080_8101_6FFF))
      body.fid1 = .root
      // Room for a layout and an access control list.
      return OpeningRequest(
        opcode: .mdsGetAttributes, portal: .mdsReadPage, flags: [.hasUserIDs, .hasProjectID],
        body: body, emptyCount: 1, reply: BufferLengths(MetadataBody.byteCount, 1024, 1024, 0, 0, 0)
      )
    }
  }

  private static func asked(_ valid: AttributeValid) -> MetadataBody {
    var body = MetadataBody()
    body.valid = valid
    // Root asks, and is in no further group.
    body.capabilities = .max
    body.supplementaryGroup = .max
    return body
  }

  func send(on handle: ImportHandle, _ node: inout NodeCore) -> RequestHandle? {
    var draft = node.connections.draft(on: handle, opcode)
    draft.requestPortal = portal
    draft.flags = flags
    draft.replyByteCount = reply.byteCount
    if !saysProcess { draft.processID = 0 }
    var lengths = BufferLengths()
    if body != nil { lengths.append(MetadataBody.byteCount) }
    if sequence != nil {
      lengths.append(4)
      lengths.append(SequenceRange.byteCount)
    }
    for _ in 0..<emptyCount { lengths.append(0) }
    guard
      let request = try? node.connections.begin(
        draft, on: handle, buffers: lengths, tag: tag.raw, rpc: &node.rpc, turn: &node.turn)
    else { return nil }
    if let body {
      var bytes = node.turn.memory.mutableBytes(node.rpc.message(of: request))
      body.encode(into: &bytes, at: lengths.offset(of: 1))
    }
    if let sequence {
      var bytes = node.turn.memory.mutableBytes(node.rpc.message(of: request))
      bytes.storeNative(UInt32(2), at: lengths.offset(of: 1))
      var range = SequenceRange()
      range.start = sequence
      // Whoever it may be: as real nodes ask.
      range.flags = 3
      range.encode(into: &bytes, at: lengths.offset(of: 2))
    }
    node.connections.submit(request, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
    return request
  }
}
