BEGIN TRANSACTION;
CREATE TABLE event (
        study_id integer not null, position integer not null, kind text not null, number integer not null,
        attempt integer not null, at real, body text not null, primary key (study_id, position)
    ) without rowid;
INSERT INTO "event" VALUES(1,1,'Noted',-1,0,1.0,'{"number":-1,"attempt":0,"key":"who","value":{"name":"Zo\u00eb","n":[1,2.5,null]},"at":1.0}');
INSERT INTO "event" VALUES(1,2,'Extended',-1,0,1.5,'{"number":-1,"attempt":0,"n_trials":20,"at":1.5}');
INSERT INTO "event" VALUES(1,3,'Created',0,1,2.0,'{"number":0,"attempt":1,"params":{},"source":"default","budget":1,"seen":2,"worker":"w1","at":2.0}');
INSERT INTO "event" VALUES(1,4,'Suggested',0,1,3.0,'{"number":0,"attempt":1,"params":{"lr":0.0031,"layers":3,"act":null},"domains":{"lr":{"type":"float","low":1e-05,"high":0.1,"log":true},"layers":{"type":"int","low":1,"high":8},"act":{"type":"categorical","choices":["relu","gelu",null]}},"at":3.0}');
INSERT INTO "event" VALUES(1,5,'Created',1,0,4.0,'{"number":1,"attempt":0,"params":{"lr":0.01},"source":"queue","memo":{"g":1},"parent":0,"fixed":{"lr":0.01},"at":4.0}');
INSERT INTO "event" VALUES(1,6,'Reported',0,1,5.0,'{"number":0,"attempt":1,"step":1,"values":[0.5,12.0],"metrics":{"loss":{"$float":"inf"}},"at":5.0}');
INSERT INTO "event" VALUES(1,7,'Checkpointed',0,1,6.0,'{"number":0,"attempt":1,"step":1,"file":"0-1-0123456789abcdef.ckpt","at":6.0}');
INSERT INTO "event" VALUES(1,8,'Paused',0,1,6.5,'{"number":0,"attempt":1,"step":1,"at":6.5}');
INSERT INTO "event" VALUES(1,9,'Claimed',1,1,7.0,'{"number":1,"attempt":1,"worker":"w2","at":7.0}');
INSERT INTO "event" VALUES(1,10,'Released',1,1,8.0,'{"number":1,"attempt":1,"worker":"w2","reason":"shutdown","at":8.0}');
INSERT INTO "event" VALUES(1,11,'Resumed',0,2,9.0,'{"number":0,"attempt":2,"worker":"w2","budget":3,"at":9.0}');
INSERT INTO "event" VALUES(1,12,'Reported',0,2,10.0,'{"number":0,"attempt":2,"step":3,"values":[0.75,11.0],"at":10.0}');
INSERT INTO "event" VALUES(1,13,'Finished',0,2,11.0,'{"number":0,"attempt":2,"state":"COMPLETE","values":[0.8,10.5],"constraints":{"c":-0.5},"user_attrs":{"tag":"a\u0000''\""},"at":11.0}');
INSERT INTO "event" VALUES(1,14,'Created',2,1,12.0,'{"number":2,"attempt":1,"params":{"lr":0.0031,"layers":3,"act":null},"worker":"w1","at":12.0}');
INSERT INTO "event" VALUES(1,15,'Finished',2,1,13.0,'{"number":2,"attempt":1,"state":"FAILED","error":"ValueError: no\nTraceback","at":13.0}');
INSERT INTO "event" VALUES(1,16,'Created',3,1,14.0,'{"number":3,"attempt":1,"params":{"lr":0.0031,"layers":3,"act":null},"worker":"w1","at":14.0}');
INSERT INTO "event" VALUES(1,17,'Finished',3,1,15.0,'{"number":3,"attempt":1,"state":"STOPPED","values":[{"$float":"-inf"},-0.0],"at":15.0}');
INSERT INTO "event" VALUES(1,18,'Created',4,1,16.0,'{"number":4,"attempt":1,"params":{"lr":0.0031,"layers":3,"act":null},"worker":"w3","at":16.0}');
CREATE TABLE head (
        study_id integer primary key, position integer not null default 0,
        next_number integer not null default 0, updated real,
        waiting integer not null default 0, running integer not null default 0,
        paused integer not null default 0, complete integer not null default 0,
        stopped integer not null default 0, failed integer not null default 0
    );
INSERT INTO "head" VALUES(1,18,5,16.0,1,1,0,1,1,1);
CREATE TABLE meta (key text primary key, value text not null) without rowid;
INSERT INTO "meta" VALUES('schema','1');
CREATE TABLE refused (
        id integer primary key, study_id integer not null, at real, kind text not null,
        number integer not null, attempt integer not null, body text not null, why text not null
    );
INSERT INTO "refused" VALUES(1,1,20.0,'Finished',0,1,'{"number":0,"attempt":1,"state":"COMPLETE","values":[0.1,1.0],"at":20.0}','attempt 1 of trial 0 holds it no more: it is COMPLETE (attempt 2), and what was written now is refused');
CREATE TABLE study (
        id integer primary key autoincrement, name text not null unique, spec text not null, created real
    );
INSERT INTO "study" VALUES(1,'golden','{"version":1,"name":"golden","seed":7,"created":1700000000.0,"searcher":{"name":"tpe","startup":10},"scheduler":{"name":"asha"},"objectives":{"acc":"maximize","ms":"minimize"},"space":null,"fidelity":{"name":"epoch","low":1,"high":27,"eta":3},"n_trials":10}',1700000000.0);
CREATE TABLE trial (
        study_id integer not null, number integer not null, state text not null, attempt integer not null,
        worker text, lease_until real, boot text, last integer not null,
        params text not null, value real, "values" text, step integer, reported text,
        budget integer, parent integer, source text not null, started real, finished real,
        error text, constraints text, user_attrs text, primary key (study_id, number)
    ) without rowid;
INSERT INTO "trial" VALUES(1,0,'COMPLETE',2,'w2',NULL,NULL,13,'{"lr":0.0031,"layers":3,"act":null}',0.8,'[0.8,10.5]',3,'[0.75,11.0]',3,NULL,'default',2.0,11.0,NULL,'{"c":-0.5}','{"tag":"a\u0000''\""}');
INSERT INTO "trial" VALUES(1,1,'WAITING',1,NULL,NULL,NULL,10,'{"lr":0.01}',NULL,NULL,NULL,NULL,NULL,0,'queue',7.0,NULL,NULL,NULL,NULL);
INSERT INTO "trial" VALUES(1,2,'FAILED',1,'w1',NULL,NULL,15,'{"lr":0.0031,"layers":3,"act":null}',NULL,NULL,NULL,NULL,NULL,NULL,'searcher',12.0,13.0,'ValueError: no
Traceback',NULL,NULL);
INSERT INTO "trial" VALUES(1,3,'STOPPED',1,'w1',NULL,NULL,17,'{"lr":0.0031,"layers":3,"act":null}',-9e999,'[{"$float":"-inf"},-0.0]',NULL,NULL,NULL,NULL,'searcher',14.0,15.0,NULL,NULL,NULL);
INSERT INTO "trial" VALUES(1,4,'RUNNING',1,'w3',8670.827678513,'948ac3a3',18,'{"lr":0.0031,"layers":3,"act":null}',NULL,NULL,NULL,NULL,NULL,NULL,'searcher',16.0,NULL,NULL,NULL,NULL);
CREATE INDEX trial_running on trial (study_id, number) where state = 'RUNNING';
CREATE VIEW trials as select
        study.name as study, trial.number, trial.state, trial.value, trial.params,
        strftime('%Y-%m-%dT%H:%M:%fZ', trial.started, 'unixepoch') as started,
        strftime('%Y-%m-%dT%H:%M:%fZ', trial.finished, 'unixepoch') as finished,
        max(0.0, trial.finished - trial.started) as duration_s, trial.error
        from trial join study on study.id = trial.study_id;
COMMIT;
