BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE apps (
	id BIGINT NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	server_secret VARCHAR(32) NOT NULL, 
	previous_secret VARCHAR(32), 
	previous_until FLOAT NOT NULL, 
	callback_secret VARCHAR(32) NOT NULL, 
	callback_url VARCHAR(2048), 
	max_tasks INTEGER NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "apps" VALUES(2938992923,'Kept of before','d952cc22d5197ec35287615f3e935cf4','63babf91575c1ab4eb3ac251ecec90cb',1.79614578209070515635e+09,'b50155dc1009772c273b66a437a98b5e','http://127.0.0.1:9/cb',3,1);
CREATE TABLE callbacks (
	id INTEGER NOT NULL, 
	app_id BIGINT NOT NULL, 
	task_id VARCHAR(36) NOT NULL, 
	event_type INTEGER NOT NULL, 
	event_time_ms BIGINT NOT NULL, 
	detail JSON NOT NULL, 
	attempts INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "callbacks" VALUES(1,12345,'4bb824d9-b410-43ac-a2da-d521e48f4703',3,1795540982205,'{"Status": 1, "RoomId": "r0", "StreamId": "over"}',2);
INSERT INTO "callbacks" VALUES(2,12345,'4bb824d9-b410-43ac-a2da-d521e48f4703',3,1795540983642,'{"Status": 3, "RoomId": "r0", "StreamId": "over"}',1);
INSERT INTO "callbacks" VALUES(3,12345,'4bb824d9-b410-43ac-a2da-d521e48f4703',3,1795540983660,'{"Status": 4, "RoomId": "r0", "StreamId": "over"}',1);
INSERT INTO "callbacks" VALUES(4,12345,'4bb824d9-b410-43ac-a2da-d521e48f4703',3,1795540983661,'{"Status": 5, "RoomId": "r0", "StreamId": "over"}',1);
INSERT INTO "callbacks" VALUES(5,12345,'6140061c-f5e4-4f91-ba45-2111757bcba7',3,1795540983689,'{"Status": 1, "RoomId": "r", "StreamId": "speaking"}',1);
INSERT INTO "callbacks" VALUES(6,2938992923,'aa0072a1-5075-4904-b71e-85e341a423c1',3,1795540983701,'{"Status": 1, "RoomId": "r", "StreamId": "theirs"}',1);
INSERT INTO "callbacks" VALUES(7,12345,'6140061c-f5e4-4f91-ba45-2111757bcba7',3,1795540984370,'{"Status": 3, "RoomId": "r", "StreamId": "speaking"}',1);
INSERT INTO "callbacks" VALUES(8,2938992923,'aa0072a1-5075-4904-b71e-85e341a423c1',3,1795540984370,'{"Status": 3, "RoomId": "r", "StreamId": "theirs"}',1);
INSERT INTO "callbacks" VALUES(9,12345,'6140061c-f5e4-4f91-ba45-2111757bcba7',4,1795540984397,'{"DriveId": "8fc52086-82bd-45cc-8fae-46dae978ca43", "Status": 1}',1);
INSERT INTO "callbacks" VALUES(10,12345,'6140061c-f5e4-4f91-ba45-2111757bcba7',4,1795540984453,'{"DriveId": "8fc52086-82bd-45cc-8fae-46dae978ca43", "Status": 2}',1);
INSERT INTO "callbacks" VALUES(11,12345,'6140061c-f5e4-4f91-ba45-2111757bcba7',4,1795540984507,'{"DriveId": "30f6d222-45de-4b8f-bafc-20ac56365a21", "Status": 1}',1);
CREATE TABLE drives (
	id VARCHAR(36) NOT NULL, 
	task_id VARCHAR(36) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	sequence INTEGER NOT NULL, 
	status INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "drives" VALUES('8fc52086-82bd-45cc-8fae-46dae978ca43','6140061c-f5e4-4f91-ba45-2111757bcba7','text',0,2);
INSERT INTO "drives" VALUES('30f6d222-45de-4b8f-bafc-20ac56365a21','6140061c-f5e4-4f91-ba45-2111757bcba7','text',1,1);
CREATE TABLE nonces (
	app_id BIGINT NOT NULL, 
	nonce VARCHAR(128) NOT NULL, 
	timestamp BIGINT NOT NULL, 
	PRIMARY KEY (app_id, nonce, timestamp)
);
INSERT INTO "nonces" VALUES(12345,'eddd2fc093aaa2ea',1795540982);
INSERT INTO "nonces" VALUES(12345,'3b923fb20cd73b82',1795540982);
CREATE TABLE stream_tasks (
	id VARCHAR(36) NOT NULL, 
	app_id BIGINT NOT NULL, 
	digital_human_id VARCHAR(128) NOT NULL, 
	room_id VARCHAR(512) NOT NULL, 
	stream_id VARCHAR(128) NOT NULL, 
	status INTEGER NOT NULL, 
	created_at FLOAT NOT NULL, 
	ended_at FLOAT, 
	fail_reason VARCHAR(256), 
	PRIMARY KEY (id)
);
INSERT INTO "stream_tasks" VALUES('4bb824d9-b410-43ac-a2da-d521e48f4703',12345,'6f0c3a52-9b1e-4c57-8d43-1f2a7be05c11','r0','over',5,1.79554098220530724532e+09,1.79554098366112804417e+09,NULL);
INSERT INTO "stream_tasks" VALUES('6140061c-f5e4-4f91-ba45-2111757bcba7',12345,'6f0c3a52-9b1e-4c57-8d43-1f2a7be05c11','r','speaking',3,1.79554098368981981275e+09,NULL,NULL);
INSERT INTO "stream_tasks" VALUES('aa0072a1-5075-4904-b71e-85e341a423c1',2938992923,'6f0c3a52-9b1e-4c57-8d43-1f2a7be05c11','r','theirs',3,1.79554098370158982276e+09,NULL,NULL);
CREATE INDEX ix_stream_tasks_status ON stream_tasks (status);
CREATE INDEX ix_drives_task_id ON drives (task_id);
COMMIT;
