// What people read, one catalogue a language.
export const strings = {
  "zh-CN": {
    username: "用户名", password: "密码", signIn: "登录", signOut: "退出", language: "English",
    items: "证据材料", name: "文件名", device: "设备", received: "接收时间", state: "状态", more: "更多",
    history: "访问与保管记录", original: "下载原始文件（将记录在案）", size: "大小", sha256: "SHA-256 摘要",
    locked: "锁定至", readBack: "回读校验", yes: "已通过", notYet: "尚未完成", uploader: "上传者",
    playable: "可播放", working: "处理中", failed: "处理失败", stored: "已存储", salvaged: "抢救接收：",
    empty: "还没有证据材料。", gone: "请先登录。", trouble: "服务器没有应答，请稍后再试。", by: "由",
    noHistory: "您无权查看此项的保管记录。", main: "主画面", track: "音视频轨", recovered: "恢复的画面（非原始文件）", still: "截取当前画面", stillAt: "截图",
    stillAsked: "正在从原始文件截取画面；重新打开此项即可查看。",
    searchText: "搜索文件名、姓名、案号、备注", kind: "类型", any: "全部", video: "视频", audio: "音频", photo: "图片", document: "文书",
    from: "起", to: "止", search: "搜索", csv: "导出列表（将记录在案）", found: "共找到", byClock: "时间依据：",
    until: "已可播放至", left: "约剩", minutes: "分钟",
  },
  en: {
    username: "User name", password: "Password", signIn: "Sign in", signOut: "Sign out", language: "中文",
    items: "Items", name: "File", device: "Device", received: "Received", state: "State", more: "More",
    history: "Chain of custody", original: "Download the original (on record)", size: "Size", sha256: "SHA-256",
    locked: "Locked until", readBack: "Read back", yes: "proven", notYet: "not yet", uploader: "Sent by",
    playable: "playable", working: "in work", failed: "failed", stored: "stored", salvaged: "Salvaged: ",
    empty: "There are no items yet.", gone: "Sign in first.", trouble: "The server does not answer. Try again in a moment.",
    by: "by", noHistory: "You may not see this item's chain of custody.", main: "Main", track: "Track", recovered: "Recovered pictures (not the original)", still: "Take a still", stillAt: "Still at",
    stillAsked: "The still is being taken from the original; open the item again to see it.",
    searchText: "Search names, file names, cases, notes", kind: "Kind", any: "all", video: "video", audio: "audio", photo: "picture", document: "document",
    from: "From", to: "To", search: "Search", csv: "Export the list (on record)", found: "Found:", byClock: "by the clock of: ",
    until: "can be played up to", left: "about", minutes: "min left",
  },
};
