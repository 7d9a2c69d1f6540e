/// What a request asks for.
///
/// **Wire:** `pb_opc` (spec 10 §4). Numbers that are not listed are kept; a server answers them with
/// -EOPNOTSUPP.
public struct Opcode: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The number as on the wire.
  public var rawValue: UInt32

  /// Takes the number; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// `OST_GETATTR`: an object's attributes.
  public static let ostGetAttributes = Opcode(rawValue: 1)
  /// `OST_SETATTR`: sets an object's attributes.
  public static let ostSetAttributes = Opcode(rawValue: 2)
  /// `OST_READ`: reads an object's data.
  public static let ostRead = Opcode(rawValue: 3)
  /// `OST_WRITE`: writes an object's data.
  public static let ostWrite = Opcode(rawValue: 4)
  /// `OST_CREATE`: creates objects.
  public static let ostCreate = Opcode(rawValue: 5)
  /// `OST_DESTROY`: removes an object.
  public static let ostDestroy = Opcode(rawValue: 6)
  /// `OST_GET_INFO`: a value by key, from an object target.
  public static let ostGetInfo = Opcode(rawValue: 7)
  /// `OST_CONNECT`: connects to an object target.
  public static let ostConnect = Opcode(rawValue: 8)
  /// `OST_DISCONNECT`: leaves an object target.
  public static let ostDisconnect = Opcode(rawValue: 9)
  /// `OST_PUNCH`: cuts a range out of an object, or its end off.
  public static let ostPunch = Opcode(rawValue: 10)
  /// `OST_STATFS`: space of an object target.
  public static let ostStatfs = Opcode(rawValue: 13)
  /// `OST_SYNC`: makes an object's data durable.
  public static let ostSync = Opcode(rawValue: 16)
  /// `OST_SET_INFO`: sets a value by key, at an object target.
  public static let ostSetInfo = Opcode(rawValue: 17)
  /// `OST_QUOTACTL`: quota of an object target.
  public static let ostQuotaControl = Opcode(rawValue: 19)
  /// `OST_LADVISE`: advice on how an object will be used.
  public static let ostAdvise = Opcode(rawValue: 21)
  /// `OST_FALLOCATE`: reserves space for an object.
  public static let ostAllocate = Opcode(rawValue: 22)
  /// `OST_SEEK`: finds data or holes in an object.
  public static let ostSeek = Opcode(rawValue: 23)
  /// `MDS_GETATTR`: an inode's attributes.
  public static let mdsGetAttributes = Opcode(rawValue: 33)
  /// `MDS_GETATTR_NAME`: attributes of a name in a directory.
  public static let mdsGetAttributesByName = Opcode(rawValue: 34)
  /// `MDS_CLOSE`: closes a file.
  public static let mdsClose = Opcode(rawValue: 35)
  /// `MDS_REINT`: modifies a name or an inode.
  public static let mdsReintegrate = Opcode(rawValue: 36)
  /// `MDS_READPAGE`: reads pages of a directory.
  public static let mdsReadPage = Opcode(rawValue: 37)
  /// `MDS_CONNECT`: connects to a metadata target.
  public static let mdsConnect = Opcode(rawValue: 38)
  /// `MDS_DISCONNECT`: leaves a metadata target.
  public static let mdsDisconnect = Opcode(rawValue: 39)
  /// `MDS_GET_ROOT`: the root's identifier.
  public static let mdsGetRoot = Opcode(rawValue: 40)
  /// `MDS_STATFS`: space of a metadata target.
  public static let mdsStatfs = Opcode(rawValue: 41)
  /// `MDS_SYNC`: makes an inode durable.
  public static let mdsSync = Opcode(rawValue: 44)
  /// `MDS_SET_INFO`: sets a value by key, at a metadata target.
  public static let mdsSetInfo = Opcode(rawValue: 46)
  /// `MDS_QUOTACTL`: quota of a metadata target.
  public static let mdsQuotaControl = Opcode(rawValue: 48)
  /// `MDS_GETXATTR`: extended attributes.
  public static let mdsGetExtendedAttributes = Opcode(rawValue: 49)
  /// `MDS_WRITEPAGE`: writes pages of a directory.
  public static let mdsWritePage = Opcode(rawValue: 51)
  /// `MDS_GET_INFO`: a value by key, from a metadata target.
  public static let mdsGetInfo = Opcode(rawValue: 53)
  /// `MDS_HSM_STATE_GET`: archive state of a file.
  public static let mdsHSMStateGet = Opcode(rawValue: 54)
  /// `MDS_HSM_STATE_SET`: sets the archive state of a file.
  public static let mdsHSMStateSet = Opcode(rawValue: 55)
  /// `MDS_HSM_ACTION`: the archive action under way.
  public static let mdsHSMAction = Opcode(rawValue: 56)
  /// `MDS_HSM_PROGRESS`: progress of an archive action.
  public static let mdsHSMProgress = Opcode(rawValue: 57)
  /// `MDS_HSM_REQUEST`: asks for an archive action.
  public static let mdsHSMRequest = Opcode(rawValue: 58)
  /// `MDS_HSM_CT_REGISTER`: registers an archive agent.
  public static let mdsHSMRegister = Opcode(rawValue: 59)
  /// `MDS_HSM_CT_UNREGISTER`: takes an archive agent off.
  public static let mdsHSMUnregister = Opcode(rawValue: 60)
  /// `MDS_SWAP_LAYOUTS`: swaps the layouts of two files.
  public static let mdsSwapLayouts = Opcode(rawValue: 61)
  /// `MDS_RMFID`: removes files by identifier.
  public static let mdsRemoveByFID = Opcode(rawValue: 62)
  /// `MDS_BATCH`: several metadata requests in one.
  public static let mdsBatch = Opcode(rawValue: 63)
  /// `MDS_HSM_DATA_VERSION`: data version of a file on a metadata target.
  public static let mdsHSMDataVersion = Opcode(rawValue: 64)
  /// `LDLM_ENQUEUE`: asks for a lock.
  public static let ldlmEnqueue = Opcode(rawValue: 101)
  /// `LDLM_CONVERT`: gives part of a lock back.
  public static let ldlmConvert = Opcode(rawValue: 102)
  /// `LDLM_CANCEL`: gives locks back.
  public static let ldlmCancel = Opcode(rawValue: 103)
  /// `LDLM_BL_CALLBACK`: server to client: a lock is in the way.
  public static let ldlmBlockingCallback = Opcode(rawValue: 104)
  /// `LDLM_CP_CALLBACK`: server to client: a lock is granted.
  public static let ldlmCompletionCallback = Opcode(rawValue: 105)
  /// `LDLM_GL_CALLBACK`: server to client: what does the lock's holder know?
  public static let ldlmGlimpseCallback = Opcode(rawValue: 106)
  /// `LDLM_SET_INFO`: server to client: sets a value by key.
  public static let ldlmSetInfo = Opcode(rawValue: 107)
  /// `MGS_CONNECT`: connects to the management server.
  public static let mgsConnect = Opcode(rawValue: 250)
  /// `MGS_DISCONNECT`: leaves the management server.
  public static let mgsDisconnect = Opcode(rawValue: 251)
  /// `MGS_EXCEPTION`: not in use.
  public static let mgsException = Opcode(rawValue: 252)
  /// `MGS_TARGET_REG`: registers a target.
  public static let mgsTargetRegister = Opcode(rawValue: 253)
  /// `MGS_TARGET_DEL`: takes a target off.
  public static let mgsTargetDelete = Opcode(rawValue: 254)
  /// `MGS_SET_INFO`: sets a parameter of a file system.
  public static let mgsSetInfo = Opcode(rawValue: 255)
  /// `MGS_CONFIG_READ`: reads the NID table or the node map.
  public static let mgsConfigRead = Opcode(rawValue: 256)
  /// `OBD_PING`: says that the sender is there.
  public static let ping = Opcode(rawValue: 400)
  /// `OBD_IDX_READ`: reads an index between servers.
  public static let indexRead = Opcode(rawValue: 403)
  /// `LLOG_ORIGIN_HANDLE_CREATE`: opens a log by name.
  public static let logOpen = Opcode(rawValue: 501)
  /// `LLOG_ORIGIN_HANDLE_NEXT_BLOCK`: reads a chunk of a log.
  public static let logNextBlock = Opcode(rawValue: 502)
  /// `LLOG_ORIGIN_HANDLE_READ_HEADER`: reads a log's header.
  public static let logReadHeader = Opcode(rawValue: 503)
  /// `LLOG_ORIGIN_HANDLE_PREV_BLOCK`: reads a chunk of a log, backwards.
  public static let logPreviousBlock = Opcode(rawValue: 508)
  /// `QUOTA_DQACQ`: acquires quota from its master.
  public static let quotaAcquire = Opcode(rawValue: 601)
  /// `QUOTA_DQREL`: not in use.
  public static let quotaRelease = Opcode(rawValue: 602)
  /// `SEQ_QUERY`: asks for a range of sequence numbers.
  public static let sequenceQuery = Opcode(rawValue: 700)
  /// `SEC_CTX_INIT`: sets a security context up.
  public static let securityInit = Opcode(rawValue: 801)
  /// `SEC_CTX_INIT_CONT`: goes on setting a security context up.
  public static let securityContinue = Opcode(rawValue: 802)
  /// `SEC_CTX_FINI`: takes a security context down.
  public static let securityFinish = Opcode(rawValue: 803)
  /// `FLD_QUERY`: where a range of sequence numbers lives.
  public static let fldQuery = Opcode(rawValue: 900)
  /// `FLD_READ`: reads the whole location database.
  public static let fldRead = Opcode(rawValue: 901)
  /// `OUT_UPDATE`: updates between servers.
  public static let objectUpdate = Opcode(rawValue: 1000)
  /// `LFSCK_NOTIFY`: steers an online check.
  public static let checkNotify = Opcode(rawValue: 1101)
  /// `LFSCK_QUERY`: state of an online check.
  public static let checkQuery = Opcode(rawValue: 1102)
}

extension Opcode {
  /// Lustre's name, or nil for a number without one.
  public var name: StaticString? {
    switch rawValue {
    case 1: "OST_GETATTR"
    case 2: "OST_SETATTR"
    case 3: "OST_READ"
    case 4: "OST_WRITE"
    case 5: "OST_CREATE"
    case 6: "OST_DESTROY"
    case 7: "OST_GET_INFO"
    case 8: "OST_CONNECT"
    case 9: "OST_DISCONNECT"
    case 10: "OST_PUNCH"
    case 13: "OST_STATFS"
    case 16: "OST_SYNC"
    case 17: "OST_SET_INFO"
    case 19: "OST_QUOTACTL"
    case 21: "OST_LADVISE"
    case 22: "OST_FALLOCATE"
    case 23: "OST_SEEK"
    case 33: "MDS_GETATTR"
    case 34: "MDS_GETATTR_NAME"
    case 35: "MDS_CLOSE"
    case 36: "MDS_REINT"
    case 37: "MDS_READPAGE"
    case 38: "MDS_CONNECT"
    case 39: "MDS_DISCONNECT"
    case 40: "MDS_GET_ROOT"
    case 41: "MDS_STATFS"
    case 44: "MDS_SYNC"
    case 46: "MDS_SET_INFO"
    case 48: "MDS_QUOTACTL"
    case 49: "MDS_GETXATTR"
    case 51: "MDS_WRITEPAGE"
    case 53: "MDS_GET_INFO"
    case 54: "MDS_HSM_STATE_GET"
    case 55: "MDS_HSM_STATE_SET"
    case 56: "MDS_HSM_ACTION"
    case 57: "MDS_HSM_PROGRESS"
    case 58: "MDS_HSM_REQUEST"
    case 59: "MDS_HSM_CT_REGISTER"
    case 60: "MDS_HSM_CT_UNREGISTER"
    case 61: "MDS_SWAP_LAYOUTS"
    case 62: "MDS_RMFID"
    case 63: "MDS_BATCH"
    case 64: "MDS_HSM_DATA_VERSION"
    case 101: "LDLM_ENQUEUE"
    case 102: "LDLM_CONVERT"
    case 103: "LDLM_CANCEL"
    case 104: "LDLM_BL_CALLBACK"
    case 105: "LDLM_CP_CALLBACK"
    case 106: "LDLM_GL_CALLBACK"
    case 107: "LDLM_SET_INFO"
    case 250: "MGS_CONNECT"
    case 251: "MGS_DISCONNECT"
    case 252: "MGS_EXCEPTION"
    case 253: "MGS_TARGET_REG"
    case 254: "MGS_TARGET_DEL"
    case 255: "MGS_SET_INFO"
    case 256: "MGS_CONFIG_READ"
    case 400: "OBD_PING"
    case 403: "OBD_IDX_READ"
    case 501: "LLOG_ORIGIN_HANDLE_CREATE"
    case 502: "LLOG_ORIGIN_HANDLE_NEXT_BLOCK"
    case 503: "LLOG_ORIGIN_HANDLE_READ_HEADER"
    case 508: "LLOG_ORIGIN_HANDLE_PREV_BLOCK"
    case 601: "QUOTA_DQACQ"
    case 602: "QUOTA_DQREL"
    case 700: "SEQ_QUERY"
    case 801: "SEC_CTX_INIT"
    case 802: "SEC_CTX_INIT_CONT"
    case 803: "SEC_CTX_FINI"
    case 900: "FLD_QUERY"
    case 901: "FLD_READ"
    case 1000: "OUT_UPDATE"
    case 1101: "LFSCK_NOTIFY"
    case 1102: "LFSCK_QUERY"
    default: nil
    }
  }

  /// True for the numbers that have a name.
  @inlinable public var isKnown: Bool { name != nil }

  /// True for the three that make a connection.
  @inlinable public var isConnect: Bool {
    self == .mgsConnect || self == .mdsConnect || self == .ostConnect
  }

  /// True for the three that end one.
  @inlinable public var isDisconnect: Bool {
    self == .mgsDisconnect || self == .mdsDisconnect || self == .ostDisconnect
  }

  /// The service that real clients name in a request with this opcode (spec 10 §3.2).
  @inlinable public var service: ServiceVersion {
    if isConnect || isDisconnect { return .obd }
    return switch rawValue {
    case 1...23: .ost
    case 33...64: .mds
    case 101...107: .dlm
    case 253...256: .mgs
    case 501...509: .log
    case 601...700, 900...1102: .mds
    default: .obd
    }
  }

  /// Every opcode with a name, in order.
  package static let known: [Opcode] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 16, 17, 19, 21, 22, 23, 33, 34, 35, 36, 37, 38, 39,
    40, 41, 44, 46, 48, 49, 51, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 101, 102,
    103, 104, 105, 106, 107, 250, 251, 252, 253, 254, 255, 256, 400, 403, 501, 502, 503,
    508, 601, 602, 700, 801, 802, 803, 900, 901, 1000, 1101, 1102,
  ].map(Opcode.init(rawValue:))
}

extension Opcode: CustomStringConvertible {
  /// Lustre's name, or the number.
  public var description: String { name.map { "\($0)" } ?? "opcode \(rawValue)" }
}
