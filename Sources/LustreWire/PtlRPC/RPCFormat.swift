/// What a buffer of a message holds.
package enum RPCBufferKind: Hashable, Sendable, BitwiseCopyable {
  case body, targetUUID, clientUUID, cookie, connectData, securityPolicy
  case lockRequest, lockReply, lockIntent, lockValue
  case statfs, metadataBody, sequenceOperation, sequenceRange
  case objectAttributes, objectRequest, remoteRanges, results, data, capability
  case logBody, logHeader, logChunk
  case targetInfo, targetNIDs, configReadRequest, configReadReply
  case name, key
  /// A structure that the spec names but does not lay out, or whose kind depends on other buffers.
  case opaque
}

/// Which buffers a message has, by its opcode and direction.
///
/// For listings and tests; whether a buffer must be there, and how long it is, its reader decides.
///
/// **Wire:** the tables of spec 10 §11 and §16.2.
package enum RPCFormat {
  /// What buffer `index` of a message holds.
  package static func kind(ofBuffer index: Int, in body: RPCBody) -> RPCBufferKind {
    if index == 0 { return .body }
    if body.type == .error && !body.opcode.isConnect { return .opaque }
    let kinds =
      body.type == .request ? requestKinds(of: body.opcode) : replyKinds(of: body.opcode)
    return index <= kinds.count ? kinds[index - 1] : .opaque
  }

  private static func requestKinds(of opcode: Opcode) -> [RPCBufferKind] {
    switch opcode {
    case .mgsConnect, .mdsConnect, .ostConnect:
      [.targetUUID, .clientUUID, .cookie, .connectData, .securityPolicy]
    case .ldlmEnqueue: [.lockRequest, .lockIntent]
    case .ldlmConvert, .ldlmCancel, .ldlmBlockingCallback, .ldlmGlimpseCallback: [.lockRequest]
    case .ldlmCompletionCallback: [.lockRequest, .lockValue]
    case .ldlmSetInfo, .ostSetInfo, .ostGetInfo, .mdsSetInfo, .mdsGetInfo: [.key, .data]
    case .ostGetAttributes, .ostSetAttributes, .ostSync, .ostPunch, .ostAllocate, .ostSeek:
      [.objectAttributes, .capability]
    case .ostCreate: [.objectAttributes]
    case .ostDestroy: [.objectAttributes, .lockRequest, .capability]
    case .ostRead, .ostWrite:
      [.objectAttributes, .objectRequest, .remoteRanges, .capability, .data]
    case .mdsStatfs, .mdsGetRoot: [.metadataBody, .name]
    case .mdsGetAttributes, .mdsSync, .mdsReadPage: [.metadataBody, .capability]
    case .mdsGetAttributesByName: [.metadataBody, .capability, .name]
    case .logOpen: [.logBody, .name, .metadataBody]
    case .logNextBlock, .logPreviousBlock, .logReadHeader: [.logBody]
    case .mgsTargetRegister: [.targetInfo, .targetNIDs]
    case .mgsConfigRead: [.configReadRequest]
    case .sequenceQuery, .fldQuery: [.sequenceOperation, .sequenceRange]
    case .fldRead: [.sequenceRange]
    default: []
    }
  }

  private static func replyKinds(of opcode: Opcode) -> [RPCBufferKind] {
    switch opcode {
    case .mgsConnect, .mdsConnect, .ostConnect: [.connectData]
    case .ldlmEnqueue: [.lockReply]
    case .ldlmConvert: [.lockReply]
    case .ldlmGlimpseCallback: [.lockValue]
    case .ostStatfs, .mdsStatfs: [.statfs]
    case .ostGetAttributes, .ostSetAttributes, .ostSync, .ostPunch, .ostAllocate, .ostSeek,
      .ostCreate, .ostDestroy:
      [.objectAttributes]
    case .ostRead: [.objectAttributes, .data]
    case .ostWrite: [.objectAttributes, .results]
    case .ostGetInfo, .mdsGetInfo: [.data]
    case .mdsGetRoot, .mdsGetAttributes, .mdsGetAttributesByName, .mdsSync, .mdsReadPage,
      .mdsClose, .mdsReintegrate:
      [.metadataBody]
    case .logOpen: [.logBody]
    case .logReadHeader: [.logHeader]
    case .logNextBlock, .logPreviousBlock: [.logBody, .logChunk]
    case .mgsTargetRegister: [.targetInfo]
    case .mgsConfigRead: [.configReadReply]
    case .sequenceQuery, .fldQuery: [.sequenceRange]
    default: []
    }
  }
}
