/// Names a wire structure in a ``WireError``.
public enum WireStructure: UInt8, Sendable, Hashable, BitwiseCopyable {
  /// The 72-byte LNet header.
  case lnetHeader
  /// The 96-byte LNet header with 20-byte NIDs.
  case lnetLargeHeader
  /// A 20-byte NID.
  case largeNID
  /// The payload of an LNet ping reply or push.
  case pingInfo
  /// The 48-byte envelope of an o2iblnd message.
  case o2ibEnvelope
  /// The private data of an o2iblnd reject.
  case o2ibReject

  /// The header of a PtlRPC message.
  case rpcHeader
  /// A PtlRPC message as a whole.
  case rpcMessage
  /// Buffer 0 of a PtlRPC message.
  case rpcBody
  /// A name of 40 bytes.
  case uuid
  /// The 8 bytes of a handle.
  case cookie
  /// The target's name in a CONNECT.
  case targetUUID
  /// The client's name in a CONNECT.
  case clientUUID
  /// What two nodes negotiate.
  case connectData
  /// An identifier of 16 bytes.
  case fid
  /// A range of sequences.
  case sequenceRange
  /// What a lock is about.
  case resourceID
  /// How much a lock covers.
  case lockPolicy
  /// A lock.
  case lockDescriptor
  /// Asks for a lock or gives locks back.
  case lockRequest
  /// Answers an enqueue.
  case lockReply
  /// What an enqueue is for.
  case lockIntent
  /// What a lock's holder knows.
  case objectLockValue
  /// Space of a target.
  case statfs
  /// How a server names a log.
  case logID
  /// Asks for a log.
  case logBody
  /// A record of a log.
  case logRecord
  /// The first chunk of a log.
  case logHeader
  /// A step of a configuration.
  case configRecord
  /// Begins or ends a section of a configuration.
  case configMarker
  /// How files are laid out.
  case layoutDescriptor
  /// A target that registers.
  case targetInfo
  /// The NIDs of a target that registers.
  case targetNIDList
  /// Asks for a table of the management server.
  case configReadRequest
  /// How much of that table has come.
  case configReadReply
  /// Where a target is.
  case nidTableEntry
  /// Attributes of an object.
  case objectAttributes
  /// The object of a transfer.
  case objectRequest
  /// A range of a transfer.
  case remoteRange
  /// Attributes of an inode.
  case metadataBody
  /// A key of SET_INFO or GET_INFO.
  case infoKey

  /// The name used in error texts.
  public var name: StaticString {
    switch self {
    case .lnetHeader: "LNet header"
    case .lnetLargeHeader: "LNet header with large NIDs"
    case .largeNID: "large NID"
    case .pingInfo: "ping info"
    case .o2ibEnvelope: "o2iblnd envelope"
    case .o2ibReject: "o2iblnd reject"
    case .rpcHeader: "RPC header"
    case .rpcMessage: "RPC message"
    case .rpcBody: "ptlrpc_body"
    case .uuid: "obd_uuid"
    case .cookie: "lustre_handle"
    case .targetUUID: "target UUID"
    case .clientUUID: "client UUID"
    case .connectData: "obd_connect_data"
    case .fid: "lu_fid"
    case .sequenceRange: "lu_seq_range"
    case .resourceID: "ldlm_res_id"
    case .lockPolicy: "ldlm_policy_data"
    case .lockDescriptor: "ldlm_lock_desc"
    case .lockRequest: "ldlm_request"
    case .lockReply: "ldlm_reply"
    case .lockIntent: "ldlm_intent"
    case .objectLockValue: "ost_lvb"
    case .statfs: "obd_statfs"
    case .logID: "llog_logid"
    case .logBody: "llogd_body"
    case .logRecord: "log record"
    case .logHeader: "llog_log_hdr"
    case .configRecord: "lustre_cfg"
    case .configMarker: "cfg_marker"
    case .layoutDescriptor: "lov_desc"
    case .targetInfo: "mgs_target_info"
    case .targetNIDList: "mgs_target_nidlist"
    case .configReadRequest: "mgs_config_body"
    case .configReadReply: "mgs_config_res"
    case .nidTableEntry: "mgs_nidtbl_entry"
    case .objectAttributes: "obdo"
    case .objectRequest: "obd_ioobj"
    case .remoteRange: "niobuf_remote"
    case .metadataBody: "mdt_body"
    case .infoKey: "key"
    }
  }
}

/// Names a field in a ``WireError``.
public enum WireField: UInt8, Sendable, Hashable, BitwiseCopyable {
  /// `pb_type` of the body.
  case type

  /// The name used in error texts.
  public var name: StaticString {
    switch self {
    case .type: "type"
    }
  }
}

/// Why received bytes are not a legal message.
///
/// A small value without references: making, copying and comparing one allocates nothing, so a peer that
/// sends garbage costs what a peer that sends messages costs. Only ``description`` makes a `String`.
public enum WireError: Error, Hashable, Sendable, BitwiseCopyable {
  /// Fewer bytes arrived than the structure needs.
  case truncated(WireStructure, needed: UInt32, available: UInt32)
  /// The magic number is neither the expected one nor its byte-swapped form.
  case badMagic(WireStructure, found: UInt32)
  /// A version that no rule of the protocol covers.
  case unsupportedVersion(WireStructure, found: UInt16)

  /// `ibm_nob` is more than what arrived.
  case declaredBeyondReceived(declared: UInt32, received: UInt32)
  /// `ibm_srcnid` is the wildcard NID.
  case sourceIsAny
  /// `ibm_nob` is less than the smallest message of its type.
  case declaredBelowMinimum(type: UInt8, declared: UInt32, minimum: UInt32)
  /// `ibm_type` is none of the known types.
  case unknownMessageType(UInt8)
  /// `rd_nfrags` is 0 or more than 257.
  case fragmentCount(UInt32)
  /// The fragments of a descriptor do not fit in `ibm_nob`.
  case descriptorBeyondMessage(fragments: UInt32, declared: UInt32)

  /// The LNet header's `type` is none of the known types.
  case unknownHeaderType(UInt32)
  /// An ACK or GET says that payload follows.
  case unexpectedPayload(headerType: UInt32, length: UInt32)
  /// A PUT or REPLY says that more than 1 MiB of payload follows.
  case payloadTooLong(length: UInt32)
  /// An IMMEDIATE message carries fewer bytes than its LNet header's `payload_length`. The message
  /// fails; the connection stays.
  case payloadBeyondMessage(length: UInt32, available: UInt32)

  /// `nid_size` asks for more than 16 address bytes.
  case nidSize(UInt8)

  /// The ping info lacks the feature that says that NI states are present.
  case pingWithoutStatus(features: UInt32)
  /// `pi_nnis` is 0 or more than 200.
  case pingEntryCount(UInt32)
  /// The first entry of a ping info is not `0@lo`.
  case pingFirstEntry(NID)

  /// `lm_bufcount` is 0 or more than 32.
  case bufferCount(UInt32)
  /// A buffer of an RPC message says that it is longer than any message.
  case bufferTooLong(index: UInt8, length: UInt32)
  /// An RPC message has too few buffers.
  case missingBuffer(index: UInt8, of: UInt8)
  /// A field holds a number that means nothing.
  case unknownValue(WireStructure, field: WireField, found: UInt32)
  /// A text has no NUL where it must have one.
  case unterminated(WireStructure)
  /// A buffer's length is none that its content can have.
  case illegalLength(WireStructure, length: UInt32)
}

extension WireError: CustomStringConvertible {
  /// What was read, where, and which numbers were found and expected.
  public var description: String {
    switch self {
    case .truncated(let structure, let needed, let available):
      "\(structure.name) needs \(needed) bytes, \(available) received"
    case .badMagic(let structure, let found):
      "\(structure.name) has magic \(hex(found))"
    case .unsupportedVersion(let structure, let found):
      "\(structure.name) has version \(hex(UInt32(found)))"
    case .declaredBeyondReceived(let declared, let received):
      "ibm_nob says \(declared) bytes, \(received) received"
    case .sourceIsAny:
      "ibm_srcnid is the wildcard NID"
    case .declaredBelowMinimum(let type, let declared, let minimum):
      "ibm_nob says \(declared) bytes, type \(hex(UInt32(type))) needs \(minimum)"
    case .unknownMessageType(let type):
      "ibm_type \(hex(UInt32(type))) is unknown"
    case .fragmentCount(let count):
      "rd_nfrags is \(count), legal are 1...\(RDMADescriptor.maximumFragments)"
    case .descriptorBeyondMessage(let fragments, let declared):
      "\(fragments) fragments do not fit in the \(declared) bytes of ibm_nob"
    case .unknownHeaderType(let type):
      "LNet type \(type) is unknown"
    case .unexpectedPayload(let type, let length):
      "LNet type \(type) with payload_length \(length), it may have none"
    case .payloadTooLong(let length):
      "LNet payload_length \(length) is above \(LNetLimits.maximumPayloadBytes)"
    case .payloadBeyondMessage(let length, let available):
      "LNet payload_length is \(length), \(available) bytes follow the header"
    case .nidSize(let size):
      "nid_size \(size) is above \(LargeNID.maximumSizeField)"
    case .pingWithoutStatus(let features):
      "pi_features \(hex(features)) lacks NI_STATUS"
    case .pingEntryCount(let count):
      "pi_nnis is \(count), legal are 1...\(LNetLimits.maximumInterfaces)"
    case .pingFirstEntry(let nid):
      "the first entry of the ping info is \(nid), not 0@lo"
    case .bufferCount(let count):
      "lm_bufcount is \(count), legal are 1...\(RPCLimits.maximumBuffers)"
    case .bufferTooLong(let index, let length):
      "buffer \(index) says \(length) bytes, legal are \(RPCLimits.maximumMessageBytes)"
    case .missingBuffer(let index, let count):
      "buffer \(index) is missing, there are \(count)"
    case .unknownValue(let structure, let field, let found):
      "\(structure.name) has \(field.name) \(hex(found))"
    case .unterminated(let structure):
      "\(structure.name) has no end"
    case .illegalLength(let structure, let length):
      "\(structure.name) has \(length) bytes"
    }
  }
}

/// A hexadecimal number with its prefix, for error texts.
func hex(_ value: UInt32) -> String { "0x" + String(value, radix: 16) }
