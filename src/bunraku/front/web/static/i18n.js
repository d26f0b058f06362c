// English is in the markup; other languages replace it. Keys are the English texts themselves.

const CHINESE = {
  'Digital human': '数字人', 'App': '应用', 'Picture': '画面', 'Background': '背景', 'Bring to life': '开始直播',
  'Portrait 720 × 1280': '竖屏 720 × 1280', 'Square 512 × 512': '方形 512 × 512', 'Landscape 1280 × 720': '横屏 1280 × 720',
  'More options': '更多选项', 'Transparent': '透明背景', 'Mood': '情绪', 'Own': '默认', 'Bitrate, kbit/s': '码率 kbit/s',
  'Longest life, s': '最长时长(秒)', 'Longest idleness, s': '最长空闲(秒)', 'Room': '房间', 'Stream': '流',
  'Speak': '说话', 'Voice': '音色', 'Text to speak': '要说的话', 'Speed': '语速', 'Pitch': '音调', 'Volume': '音量',
  'End': '结束', 'Enter speaks, ↑ recalls, Esc interrupts.': '回车说话,↑ 调出上一句,Esc 打断。',
  'What should be said?': '想说什么?', 'What happens': '动态', 'frames': '帧率',
  'The last call you made is shown here, as a program makes it.': '您刚才的调用会以程序代码的形式显示在这里。',
  'Outputs': '输出', 'Recording': '录制', 'HLS playlist': 'HLS 播放列表', 'Pictures': '图片', 'Add': '添加', 'Seconds a piece': '每段秒数',
  'Bearer token': 'Bearer 令牌', 'Download': '下载', 'Play': '播放', 'Copy link': '复制链接',
  'The stream goes to its watchers only.': '目前只有观众在观看此流。', 'starting': '启动中', 'active': '进行中', 'trying again': '重试中',
  'ending': '结束中', 'complete': '已完成', 'It has none.': '暂无。', 'Nobody yet.': '还没有人。',
  'Audit': '审计', 'Action': '操作', 'All': '全部', 'Time': '时间', 'Who': '操作者', 'Target': '对象', 'Result': '结果', 'Older': '更早', 'Nothing was done.': '没有记录。',
  'Speak now': '立即说', 'Interrupt': '打断', 'Stop': '停止', 'Running': '运行中', 'Timeline': '时间线', 'Call': '调用',
  'Log': '日志', 'Live': '直播中', 'Tap for sound': '点击开启声音', 'Watch': '观看', 'Watching': '观看中', 'Gestures': '动作',
  'Stage': '舞台', 'Quality': '质量', 'Language': '语言', 'Copy': '复制', 'Copied': '已复制', 'Share': '分享',
  'Microphone': '麦克风', 'Mute microphone': '关闭麦克风', 'Test callback': '测试回调',
  'Choose who should appear, then bring them to life.': '选择数字人,然后开始直播。',
  'Nobody is on stage.': '目前没有直播。', 'Nothing has happened yet.': '暂无记录。',
  'Drop an audio file on the stage to have it spoken.': '把音频文件拖到舞台上即可播放。',
  'Operator password': '管理员密码', 'Password': '密码', 'Log in': '登录', 'That is not the password.': '密码不正确。',
  'created': '已创建', 'speaking': '说话中', 'silent': '已静音', 'queued': '排队', 'delivered': '已送达', 'failed': '失败',
  'callback': '回调', 'drive': '驱动', 'ended': '已结束', 'picture': '画面', 'lost': '丢包', 'delay': '延迟', 'render': '渲染',
  'encode': '编码', 'first sound': '首音', 'interrupt': '打断', 'watchers': '观众', 'API': '接口', 'The last call, signed': '刚才的调用(已签名)',
  'Settings': '设置', 'Close': '关闭', 'Name': '名称', 'Callback URL': '回调地址', 'Stream tasks at once': '同时运行的任务数',
  'Calls are answered': '启用接口调用', 'Save': '保存', 'Saved': '已保存', 'Server secret': 'ServerSecret 密钥', 'Callback secret': '回调密钥',
  'Signs calls and room tokens. The old one can stay good while callers change over.': '用于接口签名和房间 Token。更换期间旧密钥可继续有效。',
  'The old one stays good for': '旧密钥有效期', 'Old one good for a day': '旧密钥一天内有效', 'Old one good for a week': '旧密钥一周内有效',
  'Old one ends now': '旧密钥立即失效', 'New secret': '更换密钥', 'Signs callbacks; a new one is used at once.': '用于回调签名,更换后立即生效。',
  'Sends the receiver one event.': '向接收地址发送一个事件。', 'Copy it now: it is not shown again.': '请立即复制,之后不再显示。', 'New app': '新应用',
  'Create app': '创建应用', 'The one before is good until': '旧密钥有效至',
  "This app is set in the server's configuration file: it is changed there.": '此应用在服务器配置文件中设置,请在那里修改。',
  'Nod': '点头', 'Shake head': '摇头', 'Bow': '鞠躬', 'Wave': '挥手', 'Thumbs up': '点赞', 'Open palms': '摊手',
  'Idle action': '待机动作', 'Mute action': '静默动作',
  'Nodes': '节点', 'up': '运行', 'draining': '排空中', 'gone': '已退出', 'no beat': '无心跳', 'given up': '已判定失联', 'rooms': '房间', 'tasks': '任务', 'late': '延迟', 'life': '第几次启动',
  'Voices of this app alone': '仅此应用可用的声音', 'Kind': '类型', 'OpenAI-compatible server': 'OpenAI 兼容服务器', 'Folder of piper voices': 'piper 声音文件夹', 'Address': '地址', 'Key': '密钥', 'Voices': '声音', 'Model': '模型', 'Folder on the server': '服务器上的文件夹', 'Add voices': '添加声音', 'Remove': '移除', 'No voices were found there.': '那里没有找到声音。',
  'Background picture': '背景图片', 'link copied': '链接已复制', 'waiting': '等待', 'connected': '已连接', 'reconnecting': '重新连接',
  'People': '人物', 'Drop a picture or a video of one person who looks into the camera, or choose one.': '拖入一张正对镜头的单人照片或一段视频,或选择一个。', 'The picture': '照片',
  'Take a video': '拍视频', 'A video: half a minute. Sit still and say nothing for ten seconds, then talk.': '视频:半分钟左右。先安静坐十秒不说话,然后说话。',
  'It must be longer: 20 seconds to 3 minutes.': '太短:需要 20 秒到 3 分钟。', 'It must be shorter: 20 seconds to 3 minutes.': '太长:需要 20 秒到 3 分钟。', 'Sent': '已上传', 'Clip': '视频', 'Loop': '循环',
  'Choose a file': '选择文件', 'Take a picture': '拍照', 'The person in the picture knows what is made of it and agrees.': '照片中的人知道用途并已同意。', 'Make': '制作',
  'Face': '面部', 'Points': '关键点', 'Outline': '轮廓', 'Mouth': '嘴', 'Eyes': '眼睛', 'Head': '头部', 'Packed': '打包', 'In the making': '制作中', 'Ready.': '已就绪。', 'Waiting': '等待',
  'Choose a picture or a video first.': '请先选择照片或视频。', 'This file cannot be shown here; it may still do.': '此文件无法在这里显示,但仍可能可用。', 'Delete': '删除', 'Delete with all files?': '连同所有文件一起删除?',
  'Rename': '重命名', 'Preview': '预览', 'Any': '任意', 'Voice: any': '音色:任意',
};

let table = {};

export const t = (text) => table[text] || text;

export function chosenLanguage() {
  const stored = localStorage.getItem('language');
  return stored || (navigator.language.startsWith('zh') ? 'zh' : 'en');
}

/** Translate what is marked with data-t (text), data-t-label, data-t-placeholder. */
export function speakLanguage(language) {
  localStorage.setItem('language', language);
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  table = language === 'zh' ? CHINESE : {};
  for (const element of document.querySelectorAll('[data-t]')) {
    element.dataset.en ??= element.textContent;
    element.textContent = t(element.dataset.en);
  }
  for (const [mark, attribute] of [['tLabel', 'aria-label'], ['tPlaceholder', 'placeholder']]) {
    const selector = `[data-${mark === 'tLabel' ? 't-label' : 't-placeholder'}]`;
    for (const element of document.querySelectorAll(selector)) {
      element.setAttribute(attribute, t(element.dataset[mark]));
    }
  }
}
